/*
 * Continues a text: generate MODEL TEXT [MAX_TOKENS]
 *
 * Build it against what `./build.sh publish` leaves in artifacts/publish/lib:
 *   cc -std=c11 -I LIB -o generate generate.c -L LIB -lmetalmoe_c -Wl,-rpath,LIB
 */
#include <stdio.h>
#include <stdlib.h>

#include "metalmoe_c.h"

static int32_t print_piece(void *user, const char *text, int32_t text_bytes, int32_t token) {
    (void)token;
    fwrite(text, 1, (size_t)text_bytes, user);
    fflush(user);
    return 0;
}

static int fail(const char *what) {
    char message[512];
    metalmoe_last_error(message, sizeof message);
    fprintf(stderr, "%s: %s\n", what, message);
    return 1;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s MODEL TEXT [MAX_TOKENS]\n", argv[0]);
        return 2;
    }
    if (metalmoe_abi_version() != METALMOE_ABI_VERSION) {
        fprintf(stderr, "library of version %d, header of version %d\n",
            metalmoe_abi_version(), METALMOE_ABI_VERSION);
        return 1;
    }

    metalmoe_model *model;
    if (metalmoe_load(argv[1], NULL, &model) != METALMOE_OK) return fail("load");
    metalmoe_session *session;
    if (metalmoe_open(model, &session) != METALMOE_OK) return fail("open");

    metalmoe_generate_options options;
    metalmoe_generate_options_init(&options);
    options.temperature = 0;
    options.max_tokens = argc > 3 ? atoi(argv[3]) : 64;

    metalmoe_result result;
    if (metalmoe_generate(session, argv[2], &options, print_piece, stdout, &result)
        != METALMOE_OK) {
        return fail("generate");
    }
    fprintf(stderr, "\n[%d prompt tokens, %d generated]\n",
        result.prompt_tokens, result.generated_tokens);

    metalmoe_close(session);
    metalmoe_free(model);
    return 0;
}
