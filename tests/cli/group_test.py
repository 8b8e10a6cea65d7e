"""Consumer groups: workers share a topic's messages, and what a dead one leaves is taken over."""

from contextlib import suppress

import pytest

from faults import LONG, SOAK, dice, figures, text, wait_for_bytes
from harness import LIMIT, until_true

KEY = "chat:{topic1}"
COUNT, KILLS = (2000, 30) if SOAK else (300, 6)


def pending(server, group="g"):
    return server.client().xpending(KEY, group)["pending"]


def consumers(server, group="g"):
    return {c["name"].decode(): c for c in server.client().xinfo_consumers(KEY, group)}


def work(server, *options, **more):
    return server.run("chat-replay", "topic1", "--raw", "--group", "g", *options, **more)


def start(server, *options):
    return server.start("chat-replay", "topic1", "--raw", "--group", "g", *options)


def test_a_new_group_begins_at_the_oldest_message_and_goes_on_where_it_was(server):
    server.pub("topic1", "a", "b")
    assert work(server).lines == ["a", "b"]
    assert work(server).lines == []
    server.pub("topic1", "c")
    assert work(server, "--exec", "cat").lines == ["c"]
    assert pending(server) == 0 and consumers(server) == {}


def test_each_group_gets_everything(server):
    server.pub("topic1", "a", "b")
    for group in ("g", "h"):
        assert server.replay("topic1", "--raw", "--group", group) == ["a", "b"]


def test_batches(server):
    server.pub("topic1", *range(5))
    assert work(server, "--batch", "2", "--exec", "wc -l").lines == ["2", "2", "1"]


def test_count_takes_no_more_than_it_tells(server):
    server.pub("topic1", *range(5))
    assert work(server, "-n", "2").lines == ["0", "1"]
    assert work(server, "-n", "2", "--exec", "cat").lines == ["2", "3"]
    assert pending(server) == 0
    assert work(server).lines == ["4"]


def test_output_is_acknowledged_when_it_was_written(server):
    """Nobody reads this one's output: what the pipe doesn't take stays pending."""
    server.run("chat-pub", "topic1", input=text("x" * 1000 + str(i) for i in range(400)))
    run = server.start("/bin/bash", "-c", "exec 3< <(exec chat-replay topic1 --raw --group g); echo $!; read -rn1 <&3; echo; read -r")
    run.line()
    assert run.line() == ""
    assert 0 < pending(server) < 400
    run.kill()


def test_workers_share(server):
    runs = [start(server, "--follow", "--exec", "cat") for _ in range(3)]
    server.pub("topic1", *range(60))
    with server.client() as client:
        until_true(lambda: client.ping() and sum(run.out.all.count(b"\n") for run in runs) >= 60)
    shares = [run.stop().lines for run in runs]
    assert sorted(map(int, sum(shares, []))) == list(range(60))
    assert pending(server) == 0


def test_kill9_at_random_loses_nothing(server):
    random = dice()
    server.pub("topic1", *range(COUNT))
    options = ["--claim-after", "200ms", "--exec", "tee -a out"]
    workers = [start(server, *options) for _ in range(3)]
    for _ in range(KILLS):
        victim = random.randrange(3)
        with suppress(AssertionError):
            wait_for_bytes(workers[victim].out, random.randrange(1, 4 * COUNT // KILLS), 2)
        workers[victim].kill()
        workers[victim] = start(server, *options)
    for worker in workers:
        worker.finish(0, err="", limit=LONG)
    done = list(map(int, (server.home / "out").read_text().split()))
    assert set(done) == set(range(COUNT))
    assert pending(server) == 0
    figures(messages=COUNT, kills=KILLS)


def pass_ten_minutes(server):
    """For what is pending, as it seems. Returns how many messages that are."""
    with server.client() as client:
        left = client.xpending_range(KEY, "g", "-", "+", 10)
        for message in left:
            client.xclaim(KEY, "g", message["consumer"], 0, [message["message_id"]], idle=600_000, justid=True)
    return len(left)


def let_workers_look(server, times):
    """Returns when workers have looked so often for what others have left."""
    with server.client() as client, client.monitor() as monitor:
        looks = 0
        for seen in monitor.listen():
            looks += seen["command"].startswith("XAUTOCLAIM")
            if looks == times:
                break


def test_what_a_dead_worker_left_is_taken_over_after_a_time(server):
    server.pub("topic1", "a", "b")
    dead = start(server, "--exec", "echo on; exec sleep 60")
    assert dead.line() == "on"
    dead.kill()
    other = start(server, "--claim-after", "5m", "--exec", "cat")
    let_workers_look(server, 3)
    assert other.line() == "b"
    assert pass_ten_minutes(server) == 1  # not at once
    assert other.line() == "a"
    other.finish()
    assert pending(server) == 0


def keeps(server, count):
    """Returns when a worker has claimed so many messages anew, which it seems to have had for ten minutes."""
    with server.client() as client:

        def mine():
            return client.xpending_range(KEY, "g", "-", "+", 10, consumername="slow")

        assert pass_ten_minutes(server) == count
        until_true(lambda: all(message["time_since_delivered"] < 300_000 for message in mine()), seen=mine)


def test_the_messages_of_a_running_command_stay_its_own(server):
    """It runs much longer than the other's --claim-after, and that one looks all the time."""
    server.pub("topic1", "long", "short")
    fifo = server.home / "go"
    command = f"mkfifo {fifo} && echo on && read -r go < {fifo} && cat"
    slow = start(server, "--consumer", "slow", "--batch", "2", "--claim-after", "300ms", "--exec", command)
    assert slow.line() == "on"
    keeps(server, 2)
    other = start(server, "--consumer", "other", "--claim-after", "5m", "--exec", "cat")
    let_workers_look(server, 3)
    fifo.write_text("go\n")
    assert slow.lines(2) == ["long", "short"]
    slow.finish()
    assert other.finish().text == ""


def test_the_rest_of_a_batch_that_failed_stays_its_own(server):
    """Split into single messages, each may take long: none of them is left to others meanwhile."""
    server.pub("topic1", "a", "b", "c")
    fifo = server.home / "go"
    command = f'[ -e {fifo} ] || {{ mkfifo {fifo}; exit 1; }}; read -r m; if [ "$m" = a ]; then echo on; read -r go < {fifo}; fi; echo "$m"'
    slow = start(server, "--consumer", "slow", "--batch", "3", "--claim-after", "300ms", "--exec", command)
    assert slow.line() == "on"
    keeps(server, 3)
    other = start(server, "--consumer", "other", "--claim-after", "5m", "--exec", "cat")
    let_workers_look(server, 3)
    fifo.write_text("go\n")
    assert slow.lines(3) == ["a", "b", "c"]
    slow.finish()
    assert other.finish().text == ""


def test_a_consumer_of_the_same_name_goes_on_at_once(server):
    server.pub("topic1", "a", "b")
    first = start(server, "--consumer", "me", "--exec", "echo on; exec sleep 60")
    assert first.line() == "on"
    first.kill()
    assert pending(server) == 1
    assert work(server, "--consumer", "me", "--exec", "cat").lines == ["a", "b"]  # within --claim-after
    assert pending(server) == 0


def test_a_failure_leaves_it_pending_and_a_mended_run_goes_on(server):
    server.pub("topic1", "a", "b", "c")
    work(server, "--consumer", "me", "--exec", "read -r m; [ $m = a ] && echo $m", code=1, err="-2 .*still to be processed")
    assert pending(server) == 1
    assert work(server, "--consumer", "me", "--exec", "cat").lines == ["c", "b"]  # it holds up no others
    assert pending(server) == 0


def test_dead_letters(server):
    server.run("chat-topics", "add", "dead")
    server.pub("topic1", *range(5))
    done = work(server, "--batch", "2", "--retries", "1", "--dead-letter", "dead", "--exec", "cat > now; ! grep -qx 3 now && cat now", err="dead letter")
    assert done.lines == ["0", "1", "2", "4"]
    assert server.replay("dead", "--raw") == ["3"]
    assert pending(server) == 0


def test_a_message_that_kills_its_workers_becomes_a_dead_letter(server):
    server.run("chat-topics", "add", "dead")
    server.pub("topic1", "poison", "good")
    options = ["--consumer", "me", "--dead-letter", "dead", "--exec", 'read -r m; echo "$m"; [ "$m" = good ] || exec sleep 60']
    for _ in range(20):
        run = start(server, *options)
        if run.line() != "poison":
            break
        run.kill()
    run.finish(0, err="given out too often")
    assert server.replay("dead", "--raw") == ["poison"]
    assert pending(server) == 0


def test_what_was_trimmed_before_it_was_processed_is_told(server):
    server.pub("topic1", "a", "b")
    id = server.entries()[0][0]
    dead = start(server, "--exec", "echo on; exec sleep 60", "--claim-after", "100ms")
    assert dead.line() == "on"
    dead.kill()
    server.client().xtrim(KEY, maxlen=1, approximate=False)
    done = work(server, "--claim-after", "100ms", "--exec", "cat", err=f"lost message {id}")
    assert done.lines == ["b"]
    assert pending(server) == 0


def test_an_outage_under_way(make_server):
    server = make_server(appendonly="yes", appendfsync="always")
    server.pub("topic1", "a")
    run = start(server, "--follow", "--exec", "cat")
    assert run.line() == "a"
    for i in range(3):
        server.kill9()
        server.restart()
        server.pub("topic1", i)
        assert run.line() == str(i)
    run.stop()
    assert pending(server) == 0
    assert work(server).lines == []


def test_a_stop_lets_the_running_command_end_and_acknowledges(server):
    server.pub("topic1", "a", "b")
    fifo = server.home / "go"
    run = start(server, "--exec", f"mkfifo {fifo} && echo on && read -r go < {fifo} && cat")
    assert run.line() == "on"
    run.send(15)
    fifo.write_text("go\n")
    assert run.wait() == 143
    assert run.out.rest() == b"a\n"
    assert pending(server) == 0
    assert work(server).lines == ["b"]


def test_stops_at_random_moments_lose_nothing(server):
    random = dice()
    server.pub("topic1", "0")
    done = work(server).lines
    rounds = 40 if SOAK else 10
    for i in range(1, 3 * rounds, 3):
        options = random.choice([[], ["--exec", "cat"], ["--batch", "2", "--exec", "cat"]])
        with server.client() as client, client.monitor() as monitor:
            run = start(server, "--follow", *options)
            for _ in zip(range(random.randrange(5, 20)), monitor.listen()):
                pass  # so many commands of its later
        server.pub("topic1", i, i + 1, i + 2)
        done += run.stop().lines
        assert pending(server) == 0 or "nobody" in consumers(server)
    done += work(server).lines
    assert set(map(int, done)) == set(range(3 * rounds + 1))
    assert pending(server) == 0


def test_a_group_needs_a_topic(server):
    server.run("chat-replay", "tpoic1", "--group", "g", code=66, err="topic1")
    server.run("chat-replay", "topic1", "--group", "g", "--cursor", "c", code=64)
    server.run("chat-replay", "topic1", "--consumer", "c", code=64)


@pytest.mark.parametrize("damage", ["XGROUP DESTROY", "DEL"])
def test_a_group_that_was_destroyed_is_made_again(server, damage):
    server.pub("topic1", "a")
    run = start(server, "--follow", "--exec", "cat")
    assert run.line() == "a"
    if damage == "DEL":
        server.client().delete(KEY)
    else:
        server.client().xgroup_destroy(KEY, "g")
    server.pub("topic1", "b")
    run.out.until("b\n", LIMIT)
    run.stop()


def test_what_was_trimmed_before_it_was_given_out_is_told_once(server):
    server.run("chat-topics", "add", "short", "--max-len", "10")
    server.pub("short", *range(1, 6))
    assert server.replay("short", "--raw", "--group", "g") == [str(i) for i in range(1, 6)]
    fifth = server.client().xrevrange("chat:{short}", count=1)[0][0].decode()
    server.pub("short", *range(6, 1001), err="keeps only its last 10")
    strict = ["chat-replay", "short", "--raw", "--group", "g", "--strict"]
    done = server.run(*strict, code=76, err=rf"short: lost 985 messages between {fifth} and \d+-991: trimmed")
    assert done.lines == []
    assert server.run(*strict).lines == [str(i) for i in range(991, 1001)]


@pytest.mark.parametrize("damage", ["XDEL", "expired"])
def test_what_was_deleted_or_is_too_old_before_it_was_given_out_is_told(server, damage):
    server.pub("topic1", "a", "b")
    assert work(server, "-n", "1").lines == ["a"]
    client, (second, _) = server.client(), server.entries()[1]
    if damage == "XDEL":
        client.xdel(KEY, second)
        server.pub("topic1", "c")
        why = f"lost 1 message between {server.entries()[0][0]} and {server.entries()[1][0]}: deleted"
    else:
        client.hset(KEY + ":info", "max_age", 1)
        until_true(lambda: client.time()[0] * 1000 > int(second.split("-")[0]) + 2000)
        why = f"lost 1 message after {server.entries()[0][0]} up to {second}: expired"
    work(server, "--strict", code=76, err=why)
    assert work(server, "--strict").lines == (["c"] if damage == "XDEL" else [])


def test_what_is_gone_with_an_older_state_is_told(make_server):
    """It was there while the worker was at an earlier message, which it is given again."""
    server = make_server()
    assert work(server).lines == []
    server.pub("topic1", "a", "b")
    first = server.entries()[0][0]
    fifo = server.home / "go"
    command = f"cat; [ -e {fifo} ] || {{ mkfifo {fifo}; echo on; read -r go < {fifo}; }}"
    server.client().save()
    server.pub("topic1", "c", "d", "e")
    run = start(server, "--follow", "--exec", command)
    assert run.lines(2) == ["a", "on"]
    last = server.entries()[-1][0]
    server.kill9()
    server.restart()
    fifo.write_text("go\n")
    assert run.lines(2) == ["a", "b"]
    told = f"topic1: lost 3 messages after {first} up to {last}: gone, since Redis came back with an older history"
    assert told in run.stop().err_text
