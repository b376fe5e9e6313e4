"""The testkit's suites for the package's types, operators and functions: what the engine relies on."""

from __future__ import annotations

from heliosdb_testkit import PluginSuite, TypeSuite


class TestPlugin(PluginSuite):
    plugin = "vector"


class TestVector(TypeSuite):
    plugin = "vector"
    type_name = "vector"
    ordered = (
        ("[-3.4028235e38]",),
        ("[-1,5]",),
        ("[0]", "[-0]", "[0.0]"),
        ("[0,-1]",),
        ("[-0,0]", "[0,-0]"),
        ("[0,0,-1]",),
        ("[1]",),
        ("[1,2]",),
        ("[1,2,3]", " [ 1 , 2.0 , 3e0 ] "),
        ("[1,3]",),
        ("[2]",),
        ("[10]",),
    )
    canonical = {
        "[1,2,3]": "[1,2,3]",
        " [ .5 ,\t1. ,+2e1\n] ": "[0.5,1,20]",
        "[-0,0]": "[-0,0]",
        "[100000,1000000,123456789]": "[100000,1e+06,1.2345679e+08]",
        "[0.0001,0.00001,1e-45]": "[0.0001,1e-05,1e-45]",
        "[1e-60]": "[0]",
        "[0x1p3,0XAp-1]": "[8,5]",
        "[16777217]": "[1.6777216e+07]",
        # In the middle between two numbers of single precision, but for its last digit.
        "[1.000000059604644775390625,1.00000005960464477539062500000000000001]": "[1,1.0000001]",
    }
    invalid = (
        "",
        "[",
        "[]",
        "[ ]",
        "1,2",
        "{1,2}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1,2",
        "[1]]",
        "[1] x",
        "[a]",
        "[1_0]",
        "[٣]",
        "[nan]",
        "[inf]",
        "[-Infinity]",
        "[1e39]",
        "[--1]",
    )
