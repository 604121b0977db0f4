from ui.diffs import CUT_MARK, can_be_applied, changed_files

DIFF = """diff --git a/one.py b/one.py
index 1..2 100644
--- a/one.py
+++ b/one.py
@@ -1,2 +1,3 @@
-old
+new
+--- not a header
 same
diff --git a/old name.txt b/new name.txt
similarity index 100%
rename from old name.txt
rename to new name.txt
diff --git a/pic.png b/pic.png
Binary files a/pic.png and b/pic.png differ
"""


def test_lines_are_counted_file_by_file() -> None:
    assert changed_files(DIFF).to_numpy().tolist() == [["one.py", 2, 1], ["new name.txt", 0, 0], ["pic.png", 0, 0]]
    assert changed_files("").empty


def test_a_diff_that_is_cut_or_binary_cannot_be_applied() -> None:
    assert can_be_applied(DIFF[: DIFF.index("diff --git a/pic")])
    assert not can_be_applied(DIFF)
    assert not can_be_applied(f"diff --git a/a b/a\n{CUT_MARK} 10 of 20 bytes kept]\n")
