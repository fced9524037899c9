# SPDX-License-Identifier: Apache-2.0
"""Fixtures. `thole` is a Thole of the test's own; `make_thole` makes further ones. Each test has a deadline: 60 s, or
@pytest.mark.deadline(SECONDS)."""

import signal

import pytest

import driver
import engine


class TooLate(BaseException):
    """Not an Exception: nothing in a test may swallow it."""


def interrupted(number, frame):
    """Told to stop, pytest ends its fixtures first, and they what they started."""
    raise KeyboardInterrupt


def pytest_configure(config):
    config.addinivalue_line("markers", "deadline(seconds): how long the test may take (default 60)")
    signal.signal(signal.SIGTERM, interrupted)


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
def own_docker():
    """A Docker Engine that the test may stop, kill and start; it runs at the start of the test and is empty."""
    own = engine.OwnEngine()
    own.start()
    yield own
    own.close()
