"""``heliosdb demo``: it runs to its end without a terminal and its answers are right."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import Run, environment


def test_the_demo_answers_its_questions(process: Run) -> None:
    airports = pytest.importorskip("airportsdata").load("ICAO")
    status, output, error = process("demo")
    assert (status, error) == (0, "")
    assert "\x1b" not in output
    assert len(re.findall(r"^\d+\. .*\?", output, re.MULTILINE)) == 10
    with_iata = sum(1 for airport in airports.values() if airport["iata"])
    countries = len({airport["country"] for airport in airports.values()})
    assert re.search(rf"\| +{len(airports)} \| +{countries} \| +{with_iata} \|", output)
    american = sum(1 for airport in airports.values() if airport["country"] == "US")
    assert re.search(rf"^\| US      \| +{american} \|", output, re.MULTILINE)
    icelandic = sum(1 for airport in airports.values() if airport["country"] == "IS")
    assert f"DELETE FROM airport WHERE country = 'IS';\nQuery OK, {icelandic} rows affected" in output
    # After the rollback to the savepoint one country is back, the other is not.
    assert re.search(r"\| country \| airports \|\n\+-+\+-+\+\n\| FR      \| +\d+ \|\n\+", output)
    assert "Index Scan using airport_country on airport" in output
    assert "def run(" in output
    assert "(2,) ['days']" in output
    killed = re.search(r"^killed after it had reported flight (\d+); opened again", output, re.MULTILINE)
    found = re.search(rf"^  (\d+) flights, the last is number \1; {len(airports):,} airports", output, re.MULTILINE)
    assert killed is not None
    assert found is not None
    assert int(found[1]) >= int(killed[1]) >= 500
    assert "ERROR" not in output
    # Parts of plugins.
    assert re.search(
        r"^  plain: the sentence stands in log-|^  plain: the sentence stands in seg", output, re.MULTILINE
    )
    assert "  secret: the sentence stands in no file" in output
    assert "  with its key: The key is under the third stone on the left" in output
    assert output.count("  refused: ") == 2
    first = min(a["iata"] for a in airports.values() if a["country"] == "IS" and a["iata"])
    assert re.search(rf"^  {first} \w", output, re.MULTILINE)
    assert '  23502 null value in column "icao"' in output
    assert re.search(r"^\| difference between single and double quotes +\| strings ", output, re.MULTILINE)


def test_without_the_data_the_demo_says_how_to_install_it(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['airportsdata'] = None; sys.argv = ['heliosdb', 'demo']; "
        "from heliosdb.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == 'Error: the demo needs the package airportsdata: pip install "heliosdb-core[demo]"\n'
