"""The router: what nginx is told, and that a bad configuration never replaces a good one."""

import http.client
import os
import signal

import pytest

from portal.router.config import Host, Ports, render
from portal.router.nginx import Nginx, RouterFailed, find_binary
from tests.processes import free_port, wait_until

PORTS = Ports(public=1, environments=2, web=3, streams=4)


@pytest.fixture
def nginx(tmp_path):
    found = Nginx(tmp_path, find_binary())
    found.prepare()
    yield found
    found.stop()


def ports():
    return Ports(public=free_port(), environments=free_port(), web=free_port(), streams=free_port())


def pid_of(sandbox):
    file = sandbox.daemons.var / "router" / "nginx.pid"
    return int(file.read_text() or 0) if file.exists() else 0


def get(port, host):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    client.request("GET", "/", headers={"Host": host})
    answer = client.getresponse()
    return answer.status, answer.read().decode()


def test_f1_streams_are_not_buffered_and_each_host_has_its_server(tmp_path):
    text = render(tmp_path, PORTS, [Host("b", 20001), Host("a", None)], token="t1")
    assert text.index("server_name a.localhost a.*;") < text.index("server_name b.localhost b.*;")
    assert "proxy_pass http://127.0.0.1:20001;" in text
    streams = text[text.index("location /streams/") :]
    assert "proxy_buffering off;" in streams[: streams.index("}")]


@pytest.mark.parametrize("label", ["", "A", "a;", "a b", "a}\nserver{", "-a", "a-", "é", "a" * 64, "a.b"])
def test_f1_a_host_that_is_no_dns_label_is_never_rendered(tmp_path, label):
    with pytest.raises(ValueError, match="is not a DNS label"):
        render(tmp_path, PORTS, [Host(label, 20001)], token="t1")


@pytest.mark.servers
def test_f1_suspended_and_unknown_hosts_say_what_they_are(nginx):
    mine = ports()
    nginx.apply(render(nginx.home, mine, [Host("asleep", None), Host("dead", free_port())], token="one"), "one")
    assert get(mine.environments, "asleep.localhost")[0] == 503
    assert "asleep is suspended" in get(mine.environments, "asleep.localhost:8001")[1]
    assert get(mine.environments, "other.localhost")[0] == 404
    assert "dead does not answer" in get(mine.environments, "dead.localhost")[1]


@pytest.mark.servers
def test_f1_a_bad_configuration_does_not_replace_the_good_one(nginx):
    mine = ports()
    nginx.apply(render(nginx.home, mine, [], token="one"), "one")
    with pytest.raises(RouterFailed, match="nonsense"):
        nginx.apply("nonsense on;", "two")
    assert nginx.answered_token() == "one"
    assert get(mine.environments, "x.localhost")[0] == 404


@pytest.mark.servers
def test_f1_once_a_reload_is_reported_no_old_answer_comes(nginx):
    mine = ports()
    nginx.apply(render(nginx.home, mine, [Host("a", free_port())], token="0"), "0")
    for turn in range(1, 4):
        hosts = [] if turn % 2 else [Host("a", None)]
        nginx.apply(render(nginx.home, mine, hosts, token=str(turn)), str(turn))
        assert {get(mine.environments, "a.localhost")[0] for _ in range(20)} == {404 if turn % 2 else 503}


@pytest.mark.servers
def test_an_nginx_that_a_killed_router_left_is_ended_by_the_next(nginx):
    mine = ports()
    nginx.apply(render(nginx.home, mine, [], token="one"), "one")
    Nginx(nginx.home, nginx.binary).prepare()
    assert nginx.process.wait(5) == 0


@pytest.mark.servers
def test_f1_nginx_is_started_again_after_it_was_killed(sandbox):
    spec = sandbox.environment("routed")
    sandbox.carry_out("create", spec)
    pid = wait_until(lambda: pid_of(sandbox))
    os.kill(pid, signal.SIGKILL)

    def answers():
        try:
            return sandbox.ask(spec)[0] == 200
        except OSError:
            return False

    wait_until(lambda: pid_of(sandbox) != pid and answers())
    sandbox.carry_out("destroy", spec)


@pytest.mark.servers
def test_f1_a_router_that_is_killed_takes_its_nginx_with_it(sandbox):
    pid = wait_until(lambda: pid_of(sandbox))
    sandbox.daemons.router.kill()
    sandbox.daemons.router.wait()

    def gone():
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    wait_until(gone, 5)
    sandbox.daemons.router = sandbox.daemons.run("router")
