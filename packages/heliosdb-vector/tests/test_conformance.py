"""The testkit's suites for the package's types, operators and functions: what the engine relies on."""

from __future__ import annotations

from heliosdb_testkit import FunctionSuite, OperatorSuite, PluginSuite, TypeSuite


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


class TestHalfvec(TypeSuite):
    plugin = "vector"
    type_name = "halfvec"
    ordered = (
        ("[-65504]",),
        ("[0]", "[-0]"),
        ("[0,0]",),
        ("[6e-8]",),
        ("[1,2]", "[1.0001,2]"),
        ("[1,3]",),
        ("[65504]",),
    )
    canonical = {"[0.1,2]": "[0.099975586,2]", "[65519]": "[65504]", "[1e-9]": "[0]"}
    invalid = ("", "[]", "[1", "[65520]", "[1e39]", "[nan]", "[inf]", "[1,x]", "{1}")


class TestSparsevec(TypeSuite):
    plugin = "vector"
    type_name = "sparsevec"
    ordered = (
        ("{1:-1,2:5}/3",),
        ("{2:-1}/3",),
        ("{}/3",),
        ("{5:-1}/10",),
        ("{}/10", "{1:0,4:-0}/10"),
        ("{4:2}/4",),
        ("{2:1}/3",),
        ("{1:1,3:-1}/3",),
        ("{1:1}/3", " { 1 : 1.0 , 2 : 0 } / 3 "),
        ("{1:1}/4",),
        ("{1:1,3:1}/3", "{3:1,1:1}/3"),
        ("{1:2}/3",),
    )
    canonical = {"{3:1,1:2.50}/1000000000": "{1:2.5,3:1}/1000000000", "{+2:1e5}/2": "{2:100000}/2"}
    invalid = (
        *("", "{", "{}", "{}/", "{}/0", "{}/-1", "{}/x", "{}/3 x", "[1]", "{1:1,}/2", "{,}/2"),
        *("{1}/2", "{1:}/2", "{:1}/2", "{1.5:1}/2", "{0:1}/2", "{3:1}/2", "{-1:1}/2", "{1:1,1:2}/2"),
        *("{1:nan}/2", "{1:inf}/2", "{1:1e39}/2", "{1:1e-60}/2", "{99999999999999999999:1}/2"),
    )


COMPARISONS = ("<", "<=", "=", ">=", ">", "<>")
DISTANCES = ("<->", "<#>", "<=>", "<+>", "<~>")
ARITHMETIC = ("+", "-", "*", "||")


class TestVectorOperators(OperatorSuite):
    plugin = "vector"
    operators = tuple((symbol, "vector", "vector") for symbol in COMPARISONS + DISTANCES + ARITHMETIC)
    samples = {"vector": ("[1,2,3]", "[4,5.5,-6]", "[0.5,-0,1e5]")}
    answers = {
        ("[1,2,3]", "<->", "[1,2,5]"): "2",
        ("[1,2,3]", "<#>", "[1,2,5]"): "-20",
        ("[1,2,3]", "<~>", "[1,2,5]"): "20",
        ("[1,0]", "<=>", "[0,2]"): "1",
        ("[1,2,3]", "<+>", "[2,0,3]"): "3",
        ("[1,2]", "||", "[3]"): "[1,2,3]",
    }


class TestHalfvecOperators(TestVectorOperators):
    operators = tuple((symbol, "halfvec", "halfvec") for symbol in COMPARISONS + DISTANCES + ARITHMETIC)
    samples = {"halfvec": ("[1,2,3]", "[4,5.5,-6]", "[0.5,-0,100]")}


class TestSparsevecOperators(OperatorSuite):
    plugin = "vector"
    operators = tuple((symbol, "sparsevec", "sparsevec") for symbol in COMPARISONS + DISTANCES)
    samples = {"sparsevec": ("{1:1,3:2}/4", "{2:-1}/4", "{1:1,2:1,3:1,4:1}/4")}
    answers = {
        ("{1:1,3:2}/4", "<->", "{1:1,4:2}/4"): "2.8284271247461903",
        ("{1:1,3:2}/4", "<#>", "{1:3,4:2}/4"): "-3",
        ("{1:1,3:2}/4", "<+>", "{1:3,4:2}/4"): "6",
        ("{1:1}/4", "<=>", "{2:1}/4"): "1",
    }


class TestBitOperators(OperatorSuite):
    plugin = "vector"
    operators = (("<~>", "bit", "bit"), ("<%>", "bit", "bit"))
    samples = {"bit": ("1010", "0110", "0000")}
    answers = {("1010", "<~>", "0110"): "2", ("1110", "<%>", "0110"): "0.33333333333333337", ("", "<~>", ""): "0"}


V, H, S = ("vector", "vector", "text"), ("halfvec", "halfvec", "text"), ("sparsevec", "sparsevec", "text")


class TestFunctions(FunctionSuite):
    plugin = "vector"
    calls = {
        ("vector_distance", V, ("[1,2]", "[4,6]", "euclidean")): "5",
        ("vector_distance", V, ("[1,2]", "[4,6]", "L2")): "5",
        ("vector_distance", V, ("[1,2]", "[4,6]", "manhattan")): "7",
        ("vector_distance", V, ("[1,2]", "[4,6]", "l1")): "7",
        ("vector_distance", V, ("[1,0]", "[0,6]", "cosine")): "1",
        ("vector_distance", V, ("[1,2]", "[4,6]", "inner_product")): "-16",
        ("vector_distance", V, ("[1,2]", "[4,6]", "dot")): "-16",
        ("vector_distance", H, ("[1,2]", "[4,6]", "euclidean")): "5",
        ("vector_distance", S, ("{1:1}/3", "{2:5}/3", "manhattan")): "6",
        ("vector_distance", ("bit", "bit", "text"), ("101", "110", "hamming")): "2",
        ("vector_distance", ("bit", "bit", "text"), ("101", "100", "jaccard")): "0.5",
        ("vector_add", ("vector", "vector"), ("[1,2]", "[3,4]")): "[4,6]",
        ("vector_subtract", ("vector", "vector"), ("[1,2]", "[3,5]")): "[-2,-3]",
        ("vector_dims", ("vector",), ("[1,2,3]",)): "3",
        ("vector_dims", ("halfvec",), ("[1,2,3]",)): "3",
        ("vector_norm", ("vector",), ("[3,4]",)): "5",
        ("l2_norm", ("vector",), ("[3,4]",)): "5",
        ("l2_norm", ("sparsevec",), ("{1:3,9:4}/9",)): "5",
        ("l2_normalize", ("vector",), ("[0,0]",)): "[0,0]",
        ("binary_quantize", ("vector",), ("[1,-1,0,0.1]",)): "1001",
        ("subvector", ("vector", "int4", "int4"), ("[1,2,3,4]", "2", "2")): "[2,3]",
    }
    errors = {
        ("vector_distance", V, ("[1,2]", "[4,6]", "hamming")): "22023",
        ("vector_distance", V, ("[1,2]", "[4,6]", "")): "22023",
        ("vector_distance", ("bit", "bit", "text"), ("1", "0", "cosine")): "22023",
        ("vector_distance", V, ("[1,2]", "[4]", "cosine")): "22000",
        ("vector_add", ("vector", "vector"), ("[1,2]", "[3]")): "22000",
        ("vector_add", ("vector", "vector"), ("[3e38]", "[3e38]")): "22003",
        ("subvector", ("vector", "int4", "int4"), ("[1,2]", "3", "1")): "22000",
        ("hamming_distance", ("bit", "bit"), ("1", "01")): "22000",
    }
