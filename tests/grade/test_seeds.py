from rnnkit.grade.grader import fresh_seed


def test_the_same_inputs_give_the_same_seed():
    assert fresh_seed("root", "digest", "05.1a") == fresh_seed("root", "digest", "05.1a")


def test_seeds_differ_by_root_submission_and_exercise():
    seeds = {fresh_seed(r, d, e) for r in ("root", "toor") for d in ("one", "two") for e in ("05.1a", "05.1b")}
    assert len(seeds) == 8


def test_a_seed_is_a_plain_non_negative_integer():
    assert all(0 <= fresh_seed(str(root), "digest", "05.1a") < 1 << 63 for root in range(100))
