/*
 * metalmoe_c.h: MetalMoe for C, Objective-C, Swift and whatever calls C.
 *
 *     metalmoe_model *model;
 *     metalmoe_session *session;
 *     metalmoe_load("model.gguf", NULL, &model);
 *     metalmoe_open(model, &session);
 *     metalmoe_generate(session, "Once upon a time", NULL, on_text, NULL, NULL);
 *     metalmoe_close(session);
 *     metalmoe_free(model);
 *
 * Every function that can fail returns a metalmoe_status; metalmoe_last_error then has one line
 * of text. No function throws, longjmps or ends the process. Results go through the last
 * parameters and are written only on METALMOE_OK, unless a function says otherwise.
 *
 * Text is UTF-8, ends in a zero byte and is copied: nothing has to live longer than the call.
 *
 * Threads: all functions may be called from any thread. Sessions of one model generate at the
 * same time, in the same steps of the device. metalmoe_generate keeps its caller until the answer
 * is complete and calls back on the caller's own thread; call it from a background thread, never
 * from the one that draws the interface.
 */
#ifndef METALMOE_C_H
#define METALMOE_C_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes when a declaration below changes; compare with metalmoe_abi_version(). */
#define METALMOE_ABI_VERSION 1

typedef int32_t metalmoe_status;
enum {
    METALMOE_OK = 0,
    METALMOE_FAILED = 1,           /* a file, an option or the context length; the text says */
    METALMOE_CANCELLED = 2,        /* metalmoe_cancel, or the callback said so */
    METALMOE_BUSY = 3,             /* a generation runs, sessions are open, or too many are */
    METALMOE_INVALID_ARGUMENT = 4, /* NULL, a handle that is closed, a size_bytes of no version */
    METALMOE_OUT_OF_MEMORY = 5,
    METALMOE_INTERNAL = 6          /* a mistake of this library */
};

/* Handles are names, not addresses: a closed one is METALMOE_INVALID_ARGUMENT, never a crash. */
typedef struct metalmoe_model metalmoe_model;
typedef struct metalmoe_session metalmoe_session;

/* Set by metalmoe_load_options_init. */
typedef struct metalmoe_load_options {
    uint32_t size_bytes;    /* of this struct */
    int32_t threads;        /* of the CPU device, 0 for all processors */
    int32_t context_length; /* tokens a session holds, 0 for the model's, at most 4096 */
    int32_t max_sessions;   /* open at the same time; each has its own cache */
    const char *device;     /* name as in `metalmoe devices`, NULL for the default one */
} metalmoe_load_options;

enum {
    /* The text is what a user says: the model's chat template goes around it, and earlier
       questions and answers of the session are before it. */
    METALMOE_CHAT = 1,
    /* With METALMOE_CHAT: the model may think before it answers. */
    METALMOE_THINK = 2,
    /* Names such as <|im_end|> in the text are read as the tokens they name. Not for text that
       other people wrote. */
    METALMOE_PARSE_SPECIAL = 4
};

/* Set by metalmoe_generate_options_init. */
typedef struct metalmoe_generate_options {
    uint32_t size_bytes;      /* of this struct */
    uint32_t flags;           /* METALMOE_CHAT and the others, or-ed */
    int32_t max_tokens;       /* most tokens to generate */
    int32_t top_k;            /* draw from the k most likely tokens, 0 for all */
    float temperature;        /* 0 always takes the most likely token */
    float top_p;              /* draw from the tokens that reach this probability, 1 for all */
    float min_p;              /* leave out tokens below this share of the best one, 0 for none */
    float repetition_penalty; /* 1 is off */
    float presence_penalty;   /* 0 is off */
    float frequency_penalty;  /* 0 is off */
    uint64_t seed;            /* same seed, same text */
    const char *stop;         /* the answer ends before this text; NULL for none */
    const char *grammar;      /* the answer keeps to this GBNF grammar; NULL for none */
    const char *json_schema;  /* the answer is JSON of this schema; NULL for none */
} metalmoe_generate_options;

typedef int32_t metalmoe_finish_reason;
enum {
    METALMOE_END_TOKEN = 0,
    METALMOE_STOP_TEXT = 1,
    METALMOE_MAX_TOKENS = 2,
    METALMOE_CONTEXT_FULL = 3
};

typedef struct metalmoe_result {
    metalmoe_finish_reason finish_reason;
    int32_t prompt_tokens;    /* run before the first new one */
    int32_t generated_tokens; /* an end token included */
    int32_t _pad;
    double prefill_seconds;   /* to the first token */
    double decode_seconds;    /* from the first token to the last one */
} metalmoe_result;

/*
 * A piece of an answer. `text` has `text_bytes` bytes, whole characters only, and a zero byte
 * behind them; it may be empty, and is valid during the call. `token` is the new token's id, or
 * -1 where only text that waited comes out. Returns 0 to go on, anything else to stop.
 * It may call metalmoe_cancel and use other sessions; its own session is METALMOE_BUSY.
 * It must return: no longjmp, no C++ or Objective-C exception through the library.
 */
typedef int32_t (*metalmoe_callback)(
    void *user, const char *text, int32_t text_bytes, int32_t token);

/* The library's METALMOE_ABI_VERSION. */
int32_t metalmoe_abi_version(void);

/* Copies the text of this thread's last failure, cut to the capacity and always zero-terminated.
   Returns its length in bytes without the zero. `buffer` may be NULL when the capacity is 0. */
int32_t metalmoe_last_error(char *buffer, int32_t capacity_bytes);

/* Fill in size_bytes and the defaults. NULL does nothing. */
void metalmoe_load_options_init(metalmoe_load_options *options);
void metalmoe_generate_options_init(metalmoe_generate_options *options);

/* Maps a GGUF file (any part of a split one) and prepares its device. `options` NULL for the
   defaults. The caller frees the model. FAILED, INVALID_ARGUMENT, OUT_OF_MEMORY. */
metalmoe_status metalmoe_load(
    const char *path, const metalmoe_load_options *options, metalmoe_model **model);

/* Opens an empty session. The caller closes it before it frees the model.
   BUSY when max_sessions are open, INVALID_ARGUMENT, OUT_OF_MEMORY. */
metalmoe_status metalmoe_open(metalmoe_model *model, metalmoe_session **session);

/* Continues the session with `text` and hands out the answer piece by piece; the session then
   holds both. `options` and `callback` may be NULL, `user` is the callback's, `result` may be
   NULL. FAILED, CANCELLED, BUSY, INVALID_ARGUMENT, OUT_OF_MEMORY. Cancelled before the first
   token the session is as before the call, later it holds the tokens given so far; after FAILED
   it can be used on, too. */
metalmoe_status metalmoe_generate(
    metalmoe_session *session, const char *text, const metalmoe_generate_options *options,
    metalmoe_callback callback, void *user, metalmoe_result *result);

/* Stops the generation that runs in this session, in the middle of a prompt too; its
   metalmoe_generate returns CANCELLED within one step. Does nothing when none runs, and does not
   wait. INVALID_ARGUMENT. */
metalmoe_status metalmoe_cancel(metalmoe_session *session);

/* Forgets everything the session holds. BUSY while a generation runs, INVALID_ARGUMENT. */
metalmoe_status metalmoe_reset(metalmoe_session *session);

/* Closes a session. NULL does nothing. BUSY while a generation runs: cancel it, and let it
   return, first. INVALID_ARGUMENT. */
metalmoe_status metalmoe_close(metalmoe_session *session);

/* Frees device and mapping. NULL does nothing. BUSY while sessions are open. INVALID_ARGUMENT. */
metalmoe_status metalmoe_free(metalmoe_model *model);

#ifdef __cplusplus
}
#endif

#endif
