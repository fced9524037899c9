# SPDX-License-Identifier: Apache-2.0
"""What `thole env` makes of words that are wrong: one sentence, before anything is asked of the server."""

import pytest

CONFIG = {"version": 1, "name": "shop", "services": {"web": {"command": "exec sleep 1000"}}}


@pytest.mark.parametrize("words, sentence", [
    ((), "thole env takes create|attach|"),
    (("creat", "x"), 'did you mean create?'),
    (("create",), "thole env create takes a NAME"),
    (("create", "a", "b"), 'thole env create takes a NAME; "b" is one too many'),
    (("list", "a"), 'thole env list takes no word; "a" is one too many'),
    (("show", ""), "thole env show: a word is empty"),
    (("stop", "x", "--force"), "thole env stop takes no --force; that is for delete"),
    (("create", "x", "--ttl", "soon"), "--ttl"),
    (("show", "-o", "raw"), 'thole env show has no output "raw"; there is text|json'),
    (("hook", "db", "sow"), 'takes SERVICE init|seed|reset|destroy [NAME]; "sow" is none of these'),
    (("store", "sett", "a=b"), 'not "sett"; did you mean set?'),
    (("store", "set", "x"), "thole env store set takes [NAME] K=V…"),
    (("store", "get"), "thole env store get takes [NAME] K"),
    (("exec", "a", "b", "--", "true"), 'takes one NAME before the --; "b" is one too many'),
    (("attach", "x"), "--worktree DIR"),
    (("list", "--audit"), "--json"),
    (("import", "no-such-file"), "no-such-file"),
    (("run",), "there is no .thole.json and no .previewctl.json here"),
    (("run", "--manifest", "thole.yaml"), "thole.yaml is no manifest: it has no env_name"),
    (("create", "x", "--copy", "/etc/passwd"), "is not below"),
])
def test_wrong_words_are_named(thole, words, sentence):
    thole.config(CONFIG)
    result = thole.run("env", *words, code=2)
    assert sentence in result.err and result.out == "", result
    assert len(result.err.splitlines()) == 1, result


def test_without_a_project_it_says_where_it_looked(thole):
    assert "there is no thole.yaml in" in thole.run("env", "create", "x", code=2).err
