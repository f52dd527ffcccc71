import gzip
import zipfile

import pytest

from local import warehouse
from local.samples import SAMPLES, consumer_credit
from solvencia import portfolio

HEADER = "id,label,utilisation,age,late30,ratio,income,lines,late90,homes,late60,dependents"


@pytest.fixture
def wheel(tmp_path):
    """A wheel of the consumer sample's form with four made-up borrowers."""
    rows = [
        "1,1,0.76,45,2,0.80,9120,13,0,6,0,2",
        "2,0,0.95,40,0,0.12,NA,4,0,0,0,NA",
        "3,0,0.65,38,98,0.08,3042,2,98,0,98,0",
        "4,0,0.23,0,0,0.03,3300,5,0,0,0,0",
    ]
    path = tmp_path / "sample.whl"
    with zipfile.ZipFile(path, "w") as archive:
        content = gzip.compress("\n".join([HEADER, *rows]).encode())
        archive.writestr(consumer_credit.MEMBER, content)
    return path


@pytest.fixture
def product():
    """The portfolio of the consumer sample."""
    return portfolio.load("consumer_credit")


@pytest.fixture
def sample():
    """The consumer sample."""
    return SAMPLES["consumer_credit"]


@pytest.fixture
def connection_value(tmp_path):
    """The Airflow connection of a SQLite warehouse that is not there yet."""
    return warehouse.connection_json(tmp_path / "warehouse" / "sample.sqlite")
