# SPDX-License-Identifier: Apache-2.0
"""The real parts of the tests: Docker Engines and a registry, until something or the end is read from stdin.

    engines.py DIR GROUP    as root; DIR becomes a directory that GROUP may enter

DIR/docker.sock     an engine with the image IMAGE, which it did not pull
DIR/second.sock     another one, which tests start and end: each line written into the fifo DIR/words is a number and
                    a word (start, stop, kill; freeze, thaw; live, plain: what the next
                    start makes of containers that run), and DIR/said holds the number when that is done
DIR/ready           appears when all of this is there, and tells the tests of it: lines THOLE_TEST_…=…

The registry listens on REGISTRY as the first engine sees it, wants USER and PASSWORD, and has PRIVATE.

Each engine lives in namespaces of its own (processes, mounts, network), so it meets no other engine of this machine, and
when its first process ends, everything is gone with it: containers, mounts, bridges, rules. So nothing needs to be tidied
but the directory and the control groups."""

import contextlib
import fcntl
import grp
import http.client
import io
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import time
import urllib.parse
from base64 import urlsafe_b64encode

IMAGE, PRIVATE, REGISTRY, USER, PASSWORD = "thole-test:busybox", "thole/private:1", "127.0.0.1:5000", "oar", "stroke-side"
HASH = "$2b$05$99y5rKKC25JIvBPNTuG3juIYJVLnSDGEtvmw18aCKPkCwhNpBboEe"  # bcrypt of PASSWORD
START_S, STOP_S = 60, 30


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("docker", timeout=START_S)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(path, method, target, body=None, **headers):
    """One request to the engine; the whole answer. Progress that ends in an error is an error."""
    with contextlib.closing(Connection(path)) as connection:
        connection.request(method, target, body, headers)
        reply = connection.getresponse()
        text = reply.read().decode()
    if reply.status >= 400 or '"errorDetail"' in text:
        raise SystemExit(f"engines: {method} {target}: {reply.status} {text}")
    return text


def wait_for(answer, process, what):
    deadline = time.monotonic() + START_S
    while not answer():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"engines: {what} did not start")
        time.sleep(0.05)  # sleep: the pause between two questions of a bounded wait


def answers(path):
    try:
        return ask(path, "GET", "/_ping") == "OK"
    except (OSError, http.client.HTTPException):
        return False


def listens(address):
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
        return True
    except OSError:
        return False


# -- images

def root_file_system(more=b""):
    """A busybox and a link for each thing it can do; `more` makes it another image, with a layer that is worth pulling."""
    out = io.BytesIO()
    applets = subprocess.run(["/bin/busybox", "--list"], check=True, capture_output=True, text=True).stdout.split()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for directory, mode in (("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777), ("var", 0o755)):
            info = tarfile.TarInfo(directory)
            info.type, info.mode = tarfile.DIRTYPE, mode
            tar.addfile(info)
        tar.add("/bin/busybox", "bin/busybox")
        for applet in applets:
            if applet != "busybox":
                info = tarfile.TarInfo(f"bin/{applet}")
                info.type, info.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(info)
        files = {"etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nrower:x:1000:1000:rower:/tmp:/bin/sh\n",
                 "etc/group": b"root:x:0:\nrower:x:1000:\n", "more": more}
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    return out.getvalue()


def import_image(path, name, tar):
    repo, _, tag = name.rpartition(":")
    changes = [("changes", 'CMD ["sh"]'), ("changes", "ENV PATH=/bin")]
    query = urllib.parse.urlencode([("fromSrc", "-"), ("repo", repo), ("tag", tag), *changes])
    ask(path, "POST", f"/images/create?{query}", tar, **{"Content-Type": "application/x-tar"})


def fill_registry(path):
    """The private image comes from there alone: the engine forgets it again."""
    name = f"{REGISTRY}/{PRIVATE}"
    repo, _, tag = name.rpartition(":")
    import_image(path, name, root_file_system(os.urandom(3 << 20)))
    auth = urlsafe_b64encode(json.dumps({"username": USER, "password": PASSWORD}).encode()).decode()
    ask(path, "POST", f"/images/{repo}/push?tag={tag}", **{"X-Registry-Auth": auth})
    ask(path, "DELETE", f"/images/{name}")


# -- inside the namespaces

def seclude(home):
    """Makes the namespaces usable: loopback up, a /run that nobody else sees, nobody asked for names."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, struct.pack("16sH22x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    (home / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", str(home / "resolv.conf"), os.path.realpath("/etc/resolv.conf")], check=True)


def start_engine(base, name, group):
    home = base / name
    with open(base / f"{name}.log", "ab") as log:
        engine = subprocess.Popen(
            ["dockerd", "-H", f"unix://{base}/{name}.sock", "--group", group, "--config-file", f"{home}/daemon.json",
             "--data-root", f"{home}/data", "--exec-root", f"{home}/exec", "--pidfile", f"{home}/pid",
             "--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", f"/{base.name}-{name}",
             "--default-address-pool", "base=10.0.0.0/8,size=24", "--bip", "10.255.255.1/24"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_for(lambda: answers(base / f"{name}.sock"), engine, f"dockerd, see {base}/{name}.log,")
    return engine


def start_registry(base):
    home = base / "registry"
    home.mkdir(mode=0o700)
    (home / "htpasswd").write_text(f"{USER}:{HASH}\n")
    (home / "config.yml").write_text(json.dumps({
        "version": 0.1, "log": {"level": "error"}, "storage": {"filesystem": {"rootdirectory": str(home / "data")}},
        "http": {"addr": REGISTRY}, "auth": {"htpasswd": {"realm": "boathouse", "path": str(home / "htpasswd")}}}))
    with open(base / "registry.log", "ab") as log:
        registry = subprocess.Popen(["docker-registry", "serve", str(home / "config.yml")], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_for(lambda: listens(REGISTRY), registry, f"docker-registry, see {base}/registry.log,")


def end_engine(engine, number):
    if engine and engine.poll() is None:
        engine.send_signal(number)
        try:
            engine.wait(STOP_S)
        except subprocess.TimeoutExpired:
            engine.kill()
            engine.wait()


def write(path, text):
    """At once, or not at all."""
    beside = path.with_name(f".{path.name}")
    beside.write_text(text)
    beside.rename(path)


def tell(base):
    names = {"DOCKER": f"unix://{base}/docker.sock", "IMAGE": IMAGE, "REGISTRY": REGISTRY, "REGISTRY_IMAGE": f"{REGISTRY}/{PRIVATE}",
             "REGISTRY_USER": USER, "REGISTRY_PASSWORD": PASSWORD, "ENGINES": str(base)}
    write(base / "ready", "".join(f"THOLE_TEST_{name}={value}\n" for name, value in names.items()))


def obey(base, group):
    """The second engine: does what the fifo says until the end."""
    engine, had, rest = None, False, b""
    words = os.open(base / "words", os.O_RDWR | os.O_NONBLOCK)
    while True:
        ready, _, _ = select.select([0, words], [], [])
        if 0 in ready:
            return
        if words not in ready:
            continue
        *lines, rest = (rest + os.read(words, 4096)).split(b"\n")
        for line in lines:
            number, word = line.decode().split()
            if word == "start" and (not engine or engine.poll() is not None):
                engine = start_engine(base, "second", group)
                if not had:
                    import_image(base / "second.sock", IMAGE, root_file_system())
                    had = True
            elif word in ("stop", "kill"):
                end_engine(engine, signal.SIGTERM if word == "stop" else signal.SIGKILL)
            elif word in ("freeze", "thaw"):
                engine.send_signal(signal.SIGSTOP if word == "freeze" else signal.SIGCONT)
            elif word in ("live", "plain"):
                (base / "second" / "daemon.json").write_text(json.dumps({"live-restore": word == "live"}))
            write(base / "said", number)


def inside(base, name, group):
    (base / name).mkdir(mode=0o700)
    (base / name / "daemon.json").write_text("{}")
    seclude(base / name)
    if name == "second":
        obey(base, group)
    else:
        start_registry(base)
        start_engine(base, name, group)
        import_image(base / "docker.sock", IMAGE, root_file_system())
        fill_registry(base / "docker.sock")
        tell(base)
        os.read(0, 1)


# -- outside

def outside(base, group):
    """Starts one of us inside namespaces for each engine, and ends them."""
    base.mkdir(mode=0o750)
    os.chown(base, 0, grp.getgrnam(group).gr_gid)
    os.mkfifo(base / "words")
    os.chown(base / "words", 0, grp.getgrnam(group).gr_gid)
    (base / "words").chmod(0o660)
    apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             "bash", "-c", '"$@" <&0 & wait $!', "first"]  # a shell: the first process must reap what loses its parent
    engines = [subprocess.Popen([*apart, sys.executable, __file__, str(base), group, name], stdin=subprocess.PIPE)
               for name in ("docker", "second")]
    try:
        select.select([0, *(os.pidfd_open(engine.pid) for engine in engines)], [], [])
    finally:
        for engine in engines:
            engine.stdin.close()
        for engine in engines:
            try:
                engine.wait(STOP_S)
            except subprocess.TimeoutExpired:
                engine.kill()
                engine.wait()
        tidy(base)
    return max(abs(engine.returncode) for engine in engines)


def tidy(base):
    for group in sorted(pathlib.Path("/sys/fs/cgroup").glob(f"**/{base.name}-*"), reverse=True):
        for directory, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(directory)
    shutil.rmtree(base, ignore_errors=True)


def main():
    base, group = pathlib.Path(sys.argv[1]), sys.argv[2]
    os.umask(0o022)
    if len(sys.argv) > 3:
        inside(base, sys.argv[3], group)
    else:
        sys.exit(outside(base, group))


if __name__ == "__main__":
    main()
