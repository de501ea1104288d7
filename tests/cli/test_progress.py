"""Progress on a terminal, and none in pipes and log files."""

import io

from larq_el.cli.progress import Line


class Terminal(io.StringIO):
    def isatty(self):
        return True


def on_terminal(monkeypatch):
    """Not a fixture: pytest gives each phase of a test streams of its own."""
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    return stream


def test_a_line_changes_and_goes(monkeypatch):
    terminal = on_terminal(monkeypatch)
    with Line() as line:
        line.update("one\x1b[31m")
        line.update("two")
    shown = terminal.getvalue()
    assert shown.count("\r") == 4
    assert "\n" not in shown
    assert "one?[31m" in shown


def test_the_last_state_stays_where_it_is_given(monkeypatch):
    terminal = on_terminal(monkeypatch)
    line = Line()
    line.update("half")
    line.end("done")
    assert terminal.getvalue().endswith("done".ljust(79) + "\n")


def test_what_is_quick_shows_nothing(monkeypatch):
    terminal = on_terminal(monkeypatch)
    with Line(after=60) as line:
        line.update("one")
    assert terminal.getvalue() == ""


def test_pipes_get_the_last_state_alone(capsys):
    line = Line()
    line.update("half")
    line.end("done")
    with Line() as other:
        other.update("half")
    assert capsys.readouterr().err == "done\n"
    quiet = Line(quiet=True)
    quiet.end("done")
    assert capsys.readouterr().err == ""
