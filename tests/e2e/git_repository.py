# SPDX-License-Identifier: Apache-2.0
"""Real git repositories, with whatever people have in them. A Repository is a directory and the environment that git has
there; `Repository.of(thole)` makes the project of a Thole one, for a user with a configuration of his own."""

import pathlib
import subprocess

CONFIG = """\
[user]
\tname = Rower
\temail = rower@example.org
[init]
\tdefaultBranch = main
[protocol "file"]
\tallow = always
[advice]
\tdetachedHead = false
"""  # submodules of the same machine are refused without the third
LFS_FILTER = {"clean": "git-lfs clean -- %f", "smudge": "git-lfs smudge -- %f", "process": "git-lfs filter-process", "required": "true"}
LFS_ATTRIBUTES = "*.bin filter=lfs diff=lfs merge=lfs -text\n"


def path_without(directory, *programs):
    """A PATH on which all of this machine's programs are but these: links in `directory`."""
    directory.mkdir()
    for place in ("/bin", "/usr/bin", "/sbin", "/usr/sbin"):
        for program in pathlib.Path(place).iterdir():
            link = directory / program.name
            if program.name not in programs and not link.is_symlink():
                link.symlink_to(program)
    return str(directory)


class Repository:
    def __init__(self, path, env):
        self.path, self.env = pathlib.Path(path), {**env, "GIT_CONFIG_NOSYSTEM": "1"}

    @classmethod
    def of(cls, thole):
        """The project becomes a repository; what is there already is its first commit."""
        (pathlib.Path(thole.env["HOME"]) / ".gitconfig").write_text(CONFIG)
        thole.env["GIT_CONFIG_NOSYSTEM"] = "1"
        return cls.init(thole.project, thole.env)

    @classmethod
    def init(cls, path, env, *options):
        """A new one. A bare one (option --bare) has no commit, else the first is made of what lies there."""
        made = cls(path, env)
        made.path.mkdir(parents=True, exist_ok=True)
        made.git("init", "-q", *options)
        if "--bare" not in options:
            made.git("add", "-A")
            made.git("commit", "-q", "--allow-empty", "-m", "the beginning")
        return made

    def git(self, *words, code=0, input=None, env=None):
        """What it says on stdout, without the last line break; of one that must fail, what it says on stderr. `code`: its exit code; None: any."""
        done = subprocess.run(["git", *map(str, words)], cwd=self.path, env={**self.env, **(env or {})}, capture_output=True, timeout=60,
                              **({"stdin": subprocess.DEVNULL} if input is None else {"input": input}))
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        assert code is None or done.returncode == code, f"git {' '.join(map(str, words))}: exit {done.returncode}\n{out}{err}"
        return (err if code else out).removesuffix("\n")

    # -- what is in it

    def write(self, files):
        """{path: text or bytes; None: it goes}"""
        for name, text in files.items():
            path = self.path / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def commit(self, files, message="a change"):
        """Writes the files and commits all there is; returns the commit."""
        self.write(files)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.head

    def branch_with(self, name, files, start="HEAD"):
        """A new branch with a commit of these files, without checking it out; returns the commit."""
        before = self.git("symbolic-ref", "-q", "--short", "HEAD", code=None) or self.head
        self.git("checkout", "-q", "-b", name, start, "--")
        commit = self.commit(files, f"on {name}")
        self.git("checkout", "-q", before, "--")
        return commit

    def fill(self, files, directories=100, size=200):
        """One commit of so many small files, quickly, and checked out; returns the commit."""
        stream = [f"commit refs/heads/filled\ncommitter Rower <rower@example.org> 1000000000 +0000\ndata 6\nfilled\nfrom {self.head}\n"]
        for i in range(files):
            text = f"file {i}\n".ljust(size - 1, ".") + "\n"
            stream.append(f"M 100644 inline src/d{i % directories}/f{i}.txt\ndata {len(text)}\n{text}\n")
        self.git("fast-import", "--quiet", input="".join(stream).encode())
        self.git("merge", "-q", "--ff-only", "filled")
        self.git("branch", "-q", "-d", "filled")
        return self.head

    def ignore(self, *patterns):
        return self.commit({".gitignore": "".join(f"{pattern}\n" for pattern in patterns)}, "what is ignored")

    def hook(self, name, script):
        """pre-commit, post-checkout, …; shared by all worktrees. A `sh` script."""
        path = self.common / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def add_submodule(self, other, path):
        self.git("submodule", "--quiet", "add", other.path, path)
        self.git("commit", "-q", "-m", f"submodule {path}")

    def use_lfs(self, files, store=None):
        """*.bin is kept by LFS from now on; commits these. Whoever has no filter configured sees pointers (lfs_filter())."""
        self.lfs_filter(True)
        if store:
            self.git("remote", "add", "origin", f"file://{store.path}")
        commit = self.commit({".gitattributes": LFS_ATTRIBUTES, **files}, "large files")
        if store:
            self.git("push", "-q", "origin", "HEAD:refs/heads/main")
        return commit

    def lfs_filter(self, installed):
        """What `git lfs install` and `uninstall` do to the configuration of the user."""
        for key, value in LFS_FILTER.items():
            words = [value] if installed else []
            self.git("config", "--global", *([] if installed else ["--unset"]), f"filter.lfs.{key}", *words, code=None)

    # -- others

    def clone(self, path, *options, env=None):
        """A clone of it, whose `origin` it is."""
        subprocess.run(["git", "clone", "-q", *options, f"file://{self.path}", str(path)], check=True, capture_output=True,
                       env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL, timeout=60)
        return Repository(path, self.env)

    def at(self, path):
        """Another worktree, as a Repository."""
        return Repository(path, self.env)

    # -- what became of it

    @property
    def head(self):
        return self.git("rev-parse", "HEAD")

    @property
    def branch(self):
        """Of the worktree; None: its HEAD is detached."""
        return self.git("symbolic-ref", "-q", "--short", "HEAD", code=None) or None

    @property
    def common(self):
        return (self.path / self.git("rev-parse", "--git-common-dir")).resolve()

    def branches(self):
        return set(self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split())

    def status(self):
        """{path: its two letters}; empty: nothing is uncommitted."""
        lines = self.git("status", "--porcelain", "-z").split("\0")
        return {line[3:]: line[:2] for line in lines if line}

    def worktrees(self):
        """{path: {"branch": short name or None, "prunable": …, …}} of all but the first, which is itself."""
        found = {}
        for block in self.git("worktree", "list", "--porcelain").split("\n\n"):
            said = dict(line.partition(" ")[::2] for line in block.splitlines())
            said["branch"] = said["branch"].removeprefix("refs/heads/") if "branch" in said else None
            found[pathlib.Path(said["worktree"])] = said
        return {path: said for path, said in found.items() if path != self.path.resolve()}
