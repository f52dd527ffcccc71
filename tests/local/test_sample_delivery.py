import json

from local import delivery
from local.place import Place


def test_a_samples_whole_history_is_one_delivery(tmp_path, wheel, product, monkeypatch):
    """Every table with rows is in it, to the portfolio's last month; made again it is the same."""
    monkeypatch.setattr("local.samples.sample.fetch", lambda *given: wheel)
    where = Place(tmp_path, tmp_path / "build", 0, 0)

    folder, period = delivery.write(where, "consumer_credit")
    manifest = json.loads((folder / "manifest.json").read_text())
    again, _ = delivery.write(where, "consumer_credit")

    rows = {each["table"]: each["rows"] for each in manifest["files"]}
    assert period == "2026-10"
    assert (manifest["portfolio"], manifest["delivery"]) == ("consumer_credit", "sample")
    assert rows.keys() <= product.tables.keys()
    assert rows["application"] == 4
    assert json.loads((again / "manifest.json").read_text()) == manifest
