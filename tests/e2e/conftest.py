# SPDX-License-Identifier: Apache-2.0
"""Fixtures. `thole` is a Thole of the test's own; `make_thole` makes further ones. Each test has a deadline: 60 s, or
@pytest.mark.deadline(SECONDS). What cannot be run everywhere is marked with what it needs, and why:
@pytest.mark.root("mounts a small file system"). Where that is not, it is not collected; a test that skips itself fails."""

import collections
import signal
import socket

import pytest

import compose as compose_projects
import driver
import engine
import postgres as database


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


NEEDS = {"root": driver.ROOT, "ordinary": not driver.ROOT, "unsanitized": not driver.SANITIZED, "ipv6": has_ipv6()}
left_out = pytest.StashKey()


class TooLate(BaseException):
    """Not an Exception: nothing in a test may swallow it."""


def interrupted(number, frame):
    """Told to stop, pytest ends its fixtures first, and they what they started."""
    raise KeyboardInterrupt


def pytest_configure(config):
    config.addinivalue_line("markers", "deadline(seconds): how long the test may take (default 60)")
    config.addinivalue_line("markers", "root(why): root's pass alone runs it")
    config.addinivalue_line("markers", "ordinary(why): the ordinary user's pass alone runs it")
    config.addinivalue_line("markers", "unsanitized(why): every pass runs it but that of ./dev asan")
    config.addinivalue_line("markers", "ipv6(why): the machine must have an IPv6 loopback")
    config.stash[left_out] = collections.Counter()
    signal.signal(signal.SIGTERM, interrupted)


def pytest_collection_modifyitems(config, items):
    here, elsewhere = [], []
    for item in items:
        missing = [need for need, is_here in NEEDS.items() if not is_here and item.get_closest_marker(need)]
        config.stash[left_out].update(missing[:1])
        (elsewhere if missing else here).append(item)
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = here


def pytest_terminal_summary(terminalreporter, config):
    for need, n in sorted(config.stash[left_out].items()):
        terminalreporter.write_line(f"not collected here: {n} marked {need}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    marker = item.get_closest_marker("deadline")
    seconds = marker.args[0] if marker else 60

    def late(number, frame):
        raise TooLate(f"the test took longer than {seconds} s")
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.skipped:  # it would count as a pass
        report.outcome, report.longrepr = "failed", f"{item.nodeid} skips itself; mark what it needs"
    if report.when == "call" and report.failed:
        for thole in getattr(item, "tholes", []):
            report.sections.append(("thole", thole.report()))


@pytest.fixture
def make_thole(request):
    made = request.node.tholes = []

    def make():
        made.append(driver.Thole())
        return made[-1]
    yield make
    problems = []
    for thole in made:
        try:
            thole.close()
        except AssertionError as error:
            problems.append(str(error))
    assert not problems, "\n".join(problems)


@pytest.fixture
def thole(make_thole):
    return make_thole()


@pytest.fixture
def free_port():
    return driver.free_port


@pytest.fixture
def docker():
    """A Docker Engine, which others use, too: what a test makes there, it removes."""
    shared = engine.Engine(engine.given("DOCKER"))
    before = shared.everything()
    yield shared
    left = shared.everything() - before
    shared.remove(left)
    assert not left, f"left behind in the engine: {sorted(left)}"


@pytest.fixture
def compose(docker):
    """Compose projects in that engine."""
    return compose_projects.Compose(docker)


@pytest.fixture
def own_docker():
    """A Docker Engine that the test may stop, kill and start; it runs at the start of the test and is empty."""
    own = engine.OwnEngine()
    own.start()
    yield own
    own.close()


@pytest.fixture(scope="session")
def postgres_server():
    with database.server() as server:
        yield server


@pytest.fixture
def postgres(postgres_server):
    """A PostgreSQL, which other tests use, too: the databases that a test makes there, it drops."""
    before = postgres_server.databases()
    yield postgres_server
    left = postgres_server.databases() - before
    postgres_server.drop(left)
    assert not left, f"left behind in PostgreSQL: {sorted(left)}"
