"""Git is used with nothing of the user's set-up, only for what is allowed, and fails in sentences."""

import subprocess

import pytest

from catalog import git, reading, seed


def tree_with(repository, mode, target, path):
    """Commit one more entry of any mode, as no honest client would."""
    oid = target
    if mode != "160000":
        oid = git.run(repository, "hash-object", "-w", "--stdin", feed=target).decode().strip()
    index = {"GIT_INDEX_FILE": str(repository / "test.index")}
    git.run(repository, "read-tree", "refs/heads/main", extra=index)
    git.run(repository, "update-index", "--add", "--cacheinfo", f"{mode},{oid},{path}", extra=index)
    tree = git.run(repository, "write-tree", extra=index).decode().strip()
    return git.run(repository, "commit-tree", tree, "-m", "x", extra=seed._WHO).decode().strip()


@pytest.mark.parametrize(
    ("mode", "target", "reason"),
    [
        ("120000", b"/etc/passwd", "symbolic links are not allowed in a catalogue"),
        ("160000", "1" * 40, "submodules are not allowed in a catalogue"),
        ("100644", b"x" * 262_145, "the file has 262145 bytes; at most 262144 are allowed"),
    ],
)
def test_what_has_no_place_in_a_catalogue_is_refused(repository, mode, target, reason):
    commit = tree_with(repository, mode, target, "web-service/extra")
    found = reading.read_commit(repository, commit)
    assert found.templates == ()
    assert [str(problem) for problem in found.problems] == [f"web-service/extra, line 1: {reason}"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("web-service/template.yml", "call this file template.yaml"),
        ("a/b/template.yaml", "a template is <name>/template.yaml, one folder deep"),
        ("template.yaml", "a template is <name>/template.yaml, one folder deep"),
    ],
)
def test_a_template_in_the_wrong_place_is_not_passed_over(repository, files, path, reason):
    commit = seed.commit(repository, {**files, path: b"name: x\n"})
    assert [str(each) for each in reading.read_commit(repository, commit).problems] == [f"{path}, line 1: {reason}"]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://git.test/x", "The address must begin with https:// or ssh://."),
        ("ext::sh -c id", "The address must begin with https:// or ssh://."),
        ("--upload-pack=id", "The address must begin with https:// or ssh://."),
        ("/etc", "The address must begin with https:// or ssh://."),
        ("ssh://-oProxyCommand=id/x", "The address must begin with https:// or ssh://."),
        ("https://me:token@git.test/x", "The address may not hold a password or token."),
        ("https://token@git.test/x", "The address may not hold a password or token."),
        ("file:///etc", "A local repository must lie in Berth's own state directory."),
        ("file:///nowhere/../etc", "A local repository must lie in Berth's own state directory."),
        ("file://host/x", "A local repository must lie in Berth's own state directory."),
    ],
)
def test_an_address_that_may_not_be_fetched_is_refused_before_git_runs(tmp_path, monkeypatch, url, sentence):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("git was run"))
    with pytest.raises(git.BadAddress) as refused:
        git.fetch(tmp_path / "r.git", git.Remote(url, "main", tmp_path / "var"))
    assert str(refused.value) == sentence


@pytest.mark.parametrize("url", ["https://git.test/a.git", "ssh://git@git.test/a.git", "git@git.test:a/b.git"])
def test_usual_addresses_are_allowed(tmp_path, url):
    git.Remote(url, "release/2026.11", tmp_path).check()


@pytest.mark.parametrize("ref", ["", "-x", "a..b", "a b", "a:b", "+main", "a.lock", "refs//x", "a~1", "*"])
def test_a_ref_is_a_name_and_nothing_else(tmp_path, ref):
    with pytest.raises(git.BadAddress, match="The ref is not the name of a branch or tag"):
        git.Remote("https://git.test/a.git", ref, tmp_path).check()


def test_a_missing_branch_says_so(repository, var):
    with pytest.raises(git.MissingRef, match="The repository has no such branch or tag"):
        git.fetch(var / "copy.git", git.Remote(f"file://{repository}", "other", var))


def test_a_slow_repository_is_given_up(repository, monkeypatch):
    def slow(*_, **given):
        raise subprocess.TimeoutExpired("git", given["timeout"])

    monkeypatch.setattr(subprocess, "run", slow)
    with pytest.raises(git.Unreachable, match="The repository did not answer within 20 seconds"):
        git.entries(repository, "main")


def test_a_fetch_checks_nothing_out_and_sees_no_user_settings(repository, var, monkeypatch, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text('[url "https://evil.test/"]\n\tinsteadOf = file:///\n')
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    commit = git.fetch(var / "copy.git", git.Remote(f"file://{repository}", "main", var))
    assert commit == seed.commit_of(repository)
    assert not list((var / "copy.git").rglob("*.yaml"))
    assert [entry.path for entry in git.entries(var / "copy.git", commit)] == [
        "web-service/README.md",
        "web-service/template.yaml",
    ]


@pytest.mark.parametrize("scheme", ["https", "ssh"])
def test_a_host_that_does_not_answer_is_told_without_its_address(var, scheme):
    with pytest.raises(git.Unreachable) as refused:
        git.fetch(var / "copy.git", git.Remote(f"{scheme}://127.0.0.1:1/x.git", "main", var))
    assert str(refused.value) == "The host of the repository does not answer."
