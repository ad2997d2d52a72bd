// Formulas are set a few at a time, so that a page can be scrolled and clicked meanwhile; MathJax alone would set all
// at once. What asks for MathJax.startup.promise is answered when the last one stands.
window.MathJax.startup = {
  async pageReady() {
    const formulas = [...document.querySelectorAll(".math, .text_latex")];
    addEventListener("beforeprint", () => {  // paper has no second look: what is not set yet is set at once
      for (const formula of formulas.splice(0)) {
        try { MathJax.typeset([formula]); } catch { formulas.push(formula); }  // it waits for a part of MathJax
      }
    });
    let few = 4;
    while (formulas.length) {
      const start = performance.now();
      await MathJax.typesetPromise(formulas.splice(0, few));
      const taken = performance.now() - start;
      few = taken > 20 ? Math.max(1, few >> 1) : taken < 8 ? few * 2 : few;
      await new Promise((resolve) => setTimeout(resolve));
    }
    return MathJax.typesetPromise(); // whatever else there is between \( and \)
  },
};
