/*
 * What metalmoe_c.h promises, from the side of a C program: contract MODEL
 * Prints a line and ends with 1 at the first promise that is not kept.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metalmoe_c.h"

#define CHECK(condition)                                                                   \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            char message_[512];                                                            \
            metalmoe_last_error(message_, sizeof message_);                                \
            printf("line %d: %s does not hold; last error: %s\n", __LINE__, #condition,    \
                message_);                                                                 \
            exit(1);                                                                       \
        }                                                                                  \
    } while (0)

typedef struct {
    char text[65536];
    int32_t bytes;
    int32_t tokens;
    int32_t stop_after;
    pthread_t thread;
    int on_other_thread;
    metalmoe_session *session;
    metalmoe_status nested;
} collector;

static int32_t collect(void *user, const char *text, int32_t text_bytes, int32_t token) {
    collector *c = user;
    CHECK(text[text_bytes] == 0 && (int32_t)strlen(text) == text_bytes);
    CHECK(c->bytes + text_bytes < (int32_t)sizeof c->text);
    memcpy(c->text + c->bytes, text, (size_t)text_bytes + 1);
    c->bytes += text_bytes;
    c->tokens += token >= 0;
    c->on_other_thread |= !pthread_equal(pthread_self(), c->thread);
    if (c->session) c->nested = metalmoe_generate(c->session, "x", NULL, NULL, NULL, NULL);
    return c->stop_after > 0 && c->tokens >= c->stop_after;
}

static collector *new_collector(void) {
    collector *c = calloc(1, sizeof *c);
    c->thread = pthread_self();
    return c;
}

static metalmoe_generate_options greedy(int32_t max_tokens) {
    metalmoe_generate_options options;
    metalmoe_generate_options_init(&options);
    options.temperature = 0;
    options.max_tokens = max_tokens;
    return options;
}

static void check_errors(const char *path) {
    metalmoe_model *model = NULL;
    metalmoe_load_options options;
    char tiny[4], message[512];

    CHECK(metalmoe_load(NULL, NULL, &model) == METALMOE_INVALID_ARGUMENT);
    CHECK(metalmoe_load(path, NULL, NULL) == METALMOE_INVALID_ARGUMENT);
    CHECK(metalmoe_load("", NULL, &model) == METALMOE_FAILED);
    CHECK(metalmoe_load("/no/such/\xC3\xA4.gguf", NULL, &model) == METALMOE_FAILED);
    int32_t length = metalmoe_last_error(message, sizeof message);
    CHECK(length == (int32_t)strlen(message) && strstr(message, "\xC3\xA4.gguf"));
    CHECK(!strchr(message, '\n'));
    CHECK(metalmoe_last_error(tiny, sizeof tiny) == length && strlen(tiny) <= 3);
    CHECK(metalmoe_last_error(NULL, 0) == length);
    metalmoe_load_options_init(&options);
    options.size_bytes -= 1;
    CHECK(metalmoe_load(path, &options, &model) == METALMOE_INVALID_ARGUMENT);
    metalmoe_load_options_init(&options);
    options.device = "abacus";
    CHECK(metalmoe_load(path, &options, &model) == METALMOE_FAILED);
    CHECK(model == NULL);
    CHECK(metalmoe_open((metalmoe_model *)(intptr_t)12345, NULL) == METALMOE_INVALID_ARGUMENT);
    CHECK(metalmoe_cancel(NULL) == METALMOE_INVALID_ARGUMENT);
    CHECK(metalmoe_generate((metalmoe_session *)(intptr_t)77, "x", NULL, NULL, NULL, NULL)
        == METALMOE_INVALID_ARGUMENT);
    CHECK(metalmoe_close(NULL) == METALMOE_OK && metalmoe_free(NULL) == METALMOE_OK);
    metalmoe_load_options_init(NULL);
    metalmoe_generate_options_init(NULL);
}

static void check_generation(metalmoe_session *session) {
    metalmoe_generate_options options = greedy(24);
    metalmoe_result whole, again;
    collector *a = new_collector(), *b = new_collector(), *c = new_collector();

    a->session = session;
    CHECK(metalmoe_generate(session, "Once upon a time", &options, collect, a, &whole)
        == METALMOE_OK);
    CHECK(a->nested == METALMOE_BUSY && !a->on_other_thread);
    CHECK(whole.prompt_tokens > 0 && whole.generated_tokens == 24 && a->tokens == 24);
    CHECK(whole.finish_reason == METALMOE_MAX_TOKENS && a->bytes > 0);
    CHECK(whole.prefill_seconds > 0 && whole.decode_seconds > 0);

    /* Stopped by the callback; the session holds what was given and is usable. */
    CHECK(metalmoe_reset(session) == METALMOE_OK);
    b->stop_after = 5;
    CHECK(metalmoe_generate(session, "Once upon a time", &options, collect, b, NULL)
        == METALMOE_CANCELLED);
    CHECK(b->tokens == 5 && strncmp(a->text, b->text, (size_t)b->bytes) == 0);

    /* The same greedy text after a reset; a null callback is allowed. */
    CHECK(metalmoe_reset(session) == METALMOE_OK);
    CHECK(metalmoe_generate(session, "Once upon a time", &options, collect, c, &again)
        == METALMOE_OK);
    CHECK(strcmp(a->text, c->text) == 0);
    CHECK(metalmoe_generate(session, " and", &options, NULL, NULL, &again) == METALMOE_OK);

    /* Refused before anything ran: nothing of the text stays behind. */
    options.top_p = 7;
    CHECK(metalmoe_generate(session, "x", &options, NULL, NULL, NULL) == METALMOE_FAILED);
    options = greedy(4);
    CHECK(metalmoe_generate(session, "", &options, NULL, NULL, NULL) == METALMOE_FAILED);
    CHECK(metalmoe_generate(session, NULL, &options, NULL, NULL, NULL)
        == METALMOE_INVALID_ARGUMENT);
    options.grammar = "root ::= (";
    CHECK(metalmoe_generate(session, "x", &options, NULL, NULL, NULL) == METALMOE_FAILED);
    free(a);
    free(b);
    free(c);
}

static void check_grammar_and_chat(metalmoe_session *session) {
    metalmoe_generate_options options = greedy(32);
    metalmoe_result first, second;
    collector *a = new_collector();

    CHECK(metalmoe_reset(session) == METALMOE_OK);
    options.grammar = "root ::= \"yes\" | \"no\"";
    CHECK(metalmoe_generate(session, "Is it?", &options, collect, a, &first) == METALMOE_OK);
    CHECK(strcmp(a->text, "yes") == 0 || strcmp(a->text, "no") == 0);
    CHECK(first.finish_reason == METALMOE_END_TOKEN);

    CHECK(metalmoe_reset(session) == METALMOE_OK);
    options = greedy(8);
    options.flags = METALMOE_CHAT;
    CHECK(metalmoe_generate(session, "Hello", &options, NULL, NULL, &first) == METALMOE_OK);
    CHECK(metalmoe_generate(session, "Again", &options, NULL, NULL, &second) == METALMOE_OK);
    CHECK(first.prompt_tokens > 1 && second.prompt_tokens > 1);
    free(a);
}

static void *cancel_after_a_while(void *user) {
    collector *c = user;
    /* Until tokens come there may be nothing to cancel yet; afterwards there is. */
    while (__atomic_load_n(&c->tokens, __ATOMIC_ACQUIRE) < 3) sched_yield();
    CHECK(metalmoe_cancel(c->session) == METALMOE_OK);
    return NULL;
}

static int32_t count(void *user, const char *text, int32_t text_bytes, int32_t token) {
    collector *c = user;
    (void)text;
    (void)text_bytes;
    CHECK(metalmoe_close(c->session) == METALMOE_BUSY);
    __atomic_add_fetch(&c->tokens, token >= 0, __ATOMIC_RELEASE);
    return 0;
}

/* Endless but for the cancellation: end tokens do not count inside the grammar's repetition. */
static void check_cancel(metalmoe_session *session) {
    metalmoe_generate_options options = greedy(3500);
    collector *c = new_collector();
    pthread_t thread;

    options.grammar = "root ::= [a-z ]* \"0\"";
    CHECK(metalmoe_reset(session) == METALMOE_OK);
    c->session = session;
    CHECK(pthread_create(&thread, NULL, cancel_after_a_while, c) == 0);
    metalmoe_status status =
        metalmoe_generate(session, "Once upon a time", &options, count, c, NULL);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(status == METALMOE_CANCELLED);
    CHECK(c->tokens >= 3 && c->tokens < 3500);
    CHECK(metalmoe_cancel(session) == METALMOE_OK);
    options = greedy(2);
    CHECK(metalmoe_generate(session, " The", &options, NULL, NULL, NULL) == METALMOE_OK);
    free(c);
}

int main(int argc, char **argv) {
    metalmoe_model *model;
    metalmoe_session *session, *second;
    if (argc != 2) return 2;

    CHECK(metalmoe_abi_version() == METALMOE_ABI_VERSION);
    check_errors(argv[1]);
    CHECK(metalmoe_load(argv[1], NULL, &model) == METALMOE_OK);
    CHECK(metalmoe_open(model, NULL) == METALMOE_INVALID_ARGUMENT);
    CHECK(metalmoe_open(model, &session) == METALMOE_OK);
    CHECK(metalmoe_open(model, &second) == METALMOE_BUSY);
    check_generation(session);
    check_grammar_and_chat(session);
    check_cancel(session);
    CHECK(metalmoe_free(model) == METALMOE_BUSY);
    CHECK(metalmoe_close(session) == METALMOE_OK);
    CHECK(metalmoe_close(session) == METALMOE_INVALID_ARGUMENT);
    CHECK(metalmoe_open(model, &second) == METALMOE_OK);
    CHECK(metalmoe_close(second) == METALMOE_OK);
    CHECK(metalmoe_free(model) == METALMOE_OK);
    CHECK(metalmoe_free(model) == METALMOE_INVALID_ARGUMENT);
    puts("every promise is kept");
    return 0;
}
