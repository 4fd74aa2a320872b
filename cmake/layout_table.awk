# Reads C headers of argument structs; writes the C source of mm_layout_rows. Only the subset that
# shaders/common/kernel_args.h allows: typedef struct Name { type field; ... } Name;
BEGIN {
    print "// Generated from the argument structs; do not edit."
    print "#include \"common/kernel_args.h\""
    print "#include \"metalmoe.h\"\n#include <stddef.h>\n"
    print "#define ROW(s, f) {#s, #f, offsetof(s, f), sizeof(((s *)0)->f)}"
    print "#define SIZE(s) {#s, \"\", 0, sizeof(s)}\n"
    print "extern const mm_layout mm_layout_rows[];\nextern const uint32_t mm_layout_row_count;"
    print "const mm_layout mm_layout_rows[] = {"
}
{ sub(/\/\/.*/, "") }
/^typedef struct [A-Za-z_0-9]+ *\{/ { name = $3; sub(/\{.*/, "", name); next }
name != "" && /^\}/ { printf "    SIZE(%s),\n", name; rows++; name = ""; next }
name != "" && /;/ {
    sub(/;.*/, "")
    field = $NF
    sub(/\[.*/, "", field)
    printf "    ROW(%s, %s),\n", name, field
    rows++
}
END {
    if (rows == 0) print "    {\"\", \"\", 0, 0},"
    print "};"
    printf "const uint32_t mm_layout_row_count = %d;\n", rows
}
