"""What the zoo lists, and what it says of each model."""

from larq_el import zoo


def test_a_description_tells_what_is_published_and_what_was_measured():
    described = zoo.describe("el_resnet26")
    assert (described["top1"], described["source"]) == (64.0, "Table 3")
    (measured,) = described["measured"]
    assert (measured["dataset"], measured["top1"]) == ("cifar10", 63.19)
    assert measured["command"].startswith("larq-el train el_resnet26 --dataset cifar10 ")
    assert zoo.describe("el_reactnet_c")["source"] == "text"
    assert (zoo.describe("s_resnet50")["top1"], zoo.describe("s_resnet50")["measured"]) == (None, [])
    assert zoo.describe("s_resnet50")["source"] == "not in the paper"
    sources = {name: zoo.describe(name)["source"] for name in zoo.list_models("mobinet_*")}
    assert {name for name, source in sources.items() if source == "Table 3"} == {"mobinet_mid"}


def test_not_converge_is_a_result_of_the_paper():
    described = map(zoo.describe, zoo.list_models())
    cells = [(entry["name"], entry["top1"], entry["source"]) for entry in described if entry["not_converged"]]
    rows = ("abc", "bi_real", "binary_e", "xnor")
    assert cells == [(f"{row}_mobilenet", None, "Table 3") for row in rows]
    assert 'Published ImageNet top-1: "Not Converge".' in zoo.XNORMobileNet.__doc__
    assert "Published ImageNet top-1: 64.0 %." in zoo.ELResNet26.__doc__
    assert "Published ImageNet top-1: none." in zoo.SResNet50.__doc__


def test_list_models_takes_a_pattern():
    assert zoo.list_models("*l_resnet26") == [
        "bi_real_resnet26",
        "el_1_literal_resnet26",
        "el_2_literal_resnet26",
        "el_resnet26",
        "s_first_el_resnet26",
    ]
    assert zoo.list_models("nothing*") == []
