/* Which search results stand first: what teaches a thing before what lists it. Sphinx's own numbers, but for `score`. */
var Scorer = {
  score: ([page, , , , score]) =>
    score + (page.startsWith("chapters/") ? 8 : page.startsWith("exercises/") ? 2 : 0),
  objNameMatch: 11, // the full name of something in rnnkit, typed as it is: that is what is looked for
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
