// The kernels' sources that this library carries, and their includes.
#import "shim.h"

#include <stdlib.h>
#include <string.h>

const mm_embedded *mm_find_embedded(const char *name) {
    for (const mm_embedded *file = mm_embedded_files; file->name; file++)
        if (strcmp(file->name, name) == 0) return file;
    return NULL;
}

static char *all_names(void) {
    size_t bytes = 1;
    for (const mm_embedded *file = mm_embedded_files; file->name; file++)
        bytes += strlen(file->name) + 1;
    char *names = calloc(1, bytes), *end = names;
    for (const mm_embedded *file = mm_embedded_files; names && file->name; file++) {
        size_t length = strlen(file->name);
        memcpy(end, file->name, length);
        end[length] = '\n';
        end += length + 1;
    }
    return names;
}

mm_status mm_embedded_text(const char *name, char *text, uint64_t capacity_bytes,
                           uint64_t *needed_bytes) {
    MM_ARGUMENT(name && needed_bytes, NULL, "name or needed_bytes is null");
    if (!*name) {
        char *names = all_names();
        if (!names) return MM_OUT_OF_MEMORY;
        mm_status status = mm_copy_text(names, strlen(names), text, capacity_bytes, needed_bytes);
        free(names);
        return status;
    }
    const mm_embedded *file = mm_find_embedded(name);
    if (!file) return MM_NOT_FOUND;
    return mm_copy_text(file->text, file->bytes, text, capacity_bytes, needed_bytes);
}

// ---- Inlining ----

typedef struct {
    char *text;
    size_t length, capacity;
    bool failed;
    bool *seen; // by index into mm_embedded_files
} output;

static void append(output *out, const char *text, size_t length) {
    if (out->failed) return;
    if (out->length + length + 1 > out->capacity) {
        size_t capacity = 2 * (out->length + length + 1);
        char *larger = realloc(out->text, capacity);
        if (!larger) {
            out->failed = true;
            return;
        }
        out->text = larger;
        out->capacity = capacity;
    }
    memcpy(out->text + out->length, text, length);
    out->length += length;
    out->text[out->length] = 0;
}

static void append_line_marker(output *out, unsigned line, const char *name) {
    char *marker = NULL;
    int length = asprintf(&marker, "#line %u \"%s\"\n", line, name);
    if (length < 0) out->failed = true;
    else append(out, marker, (size_t)length);
    if (length >= 0) free(marker);
}

static const char *skip_blanks(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t')) at++;
    return at;
}

// The embedded file that the line includes, or null.
static const mm_embedded *included(const char *line, const char *end) {
    line = skip_blanks(line, end);
    if (line == end || *line != '#') return NULL;
    line = skip_blanks(line + 1, end);
    if (end - line < 7 || memcmp(line, "include", 7) != 0) return NULL;
    line = skip_blanks(line + 7, end);
    if (line == end || *line != '"') return NULL;
    const char *close = memchr(line + 1, '"', (size_t)(end - line - 1));
    if (!close) return NULL;
    size_t length = (size_t)(close - line - 1);
    for (const mm_embedded *file = mm_embedded_files; file->name; file++)
        if (strlen(file->name) == length && memcmp(file->name, line + 1, length) == 0)
            return file;
    return NULL;
}

static void append_inlined(output *out, const char *name, const char *text, uint64_t bytes) {
    const char *end = text + bytes;
    append_line_marker(out, 1, name);
    unsigned number = 1;
    for (const char *line = text; line < end; number++) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        next = next ? next + 1 : end;
        const mm_embedded *file = included(line, next);
        if (!file) {
            append(out, line, (size_t)(next - line));
        } else if (!out->seen[file - mm_embedded_files]) {
            out->seen[file - mm_embedded_files] = true;
            append_inlined(out, file->name, file->text, file->bytes);
            append_line_marker(out, number + 1, name);
        } else {
            append(out, "\n", 1);
        }
        line = next;
    }
    append(out, "\n", 1);
}

char *mm_inline_includes(const char *name, const char *text, uint64_t bytes) {
    size_t files = 0;
    while (mm_embedded_files[files].name) files++;
    output out = {.seen = calloc(files + 1, sizeof(bool))};
    if (!out.seen) return NULL;
    append_inlined(&out, name, text, bytes);
    free(out.seen);
    if (!out.failed) return out.text;
    free(out.text);
    return NULL;
}
