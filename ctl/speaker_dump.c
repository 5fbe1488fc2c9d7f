#include "ctl/speaker_dump.h"

#include "ctl/show.h"
#include "ctl/speaker_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of one answer; speakers say less (speaker/dump.c). */
enum { SLICE_MAX = 512 * 1024 };

struct dump {
    const struct command_context *context;
    FILE *out;
    uint8_t *bytes; /* of one slice */
    uint64_t routes, messages;
};

/* The next place to ask at; false: it cannot be gone on. */
static bool take_slice(struct dump *dump, const char *path, json_t **next)
{
    struct text why;
    char *line = NULL;
    size_t len = 0;
    text_init(&why, 0);
    if (asprintf(&line, "{\"command\":\"dump\",\"peer\":%llu,\"nlri\":%llu}\n",
                 (unsigned long long)show_u64(*next, "peer"),
                 (unsigned long long)show_u64(*next, "nlri")) < 0)
        line = NULL;
    json_t *answer = line != NULL ? speaker_ask(path, line, &why) : NULL;
    bool good = false;
    if (answer == NULL)
        (void)command_failed(dump->context, "the speaker at %s was NOT REACHED: %s", path,
                             text_str(&why));
    else if (!show_truth(answer, "ok"))
        (void)command_failed(dump->context, "the speaker at %s refused: %s", path,
                             show_string(answer, "error"));
    else if (text_parse_hex(dump->bytes, SLICE_MAX, &len, show_string(answer, "mrt")) != STATUS_OK)
        (void)command_failed(dump->context, "the speaker at %s said what is no MRT", path);
    else if (!(good = fwrite(dump->bytes, 1, len, dump->out) == len))
        (void)command_failed(dump->context, "cannot write: %s", strerror(errno));
    dump->routes += show_u64(answer, "routes");
    dump->messages += show_u64(answer, "messages");
    json_decref(*next);
    *next = good ? json_incref(json_object_get(answer, "next")) : NULL;
    json_decref(answer);
    free(line);
    text_done(&why);
    return good;
}

static bool take_all(struct dump *dump, const struct command_values *sockets)
{
    bool good = true;
    for (size_t i = 0; i < sockets->count && good; i++) {
        json_t *next = json_object();
        while (good && json_is_object(next))
            good = take_slice(dump, sockets->items[i], &next);
        json_decref(next);
    }
    return good;
}

static bool finish(struct dump *dump, const char *file, const char *part, bool good)
{
    bool to_file = dump->out != stdout;
    bool written = (to_file ? fclose(dump->out) : fflush(dump->out)) == 0;
    if (good && written && to_file)
        written = rename(part, file) == 0;
    if (good && !written)
        (void)command_failed(dump->context, "cannot write %s: %s", file, strerror(errno));
    if (to_file && !(good && written))
        (void)unlink(part);
    return good && written;
}

bool speaker_dump(const struct command_context *context, const struct command_values *sockets,
                  const char *file)
{
    struct dump dump = {.context = context, .out = stdout};
    char *part = NULL;
    bool to_file = strcmp(file, "-") != 0, good = false;
    if (asprintf(&part, "%s.part", file) < 0)
        part = NULL;
    dump.bytes = malloc(SLICE_MAX);
    if (to_file && part != NULL)
        dump.out = fopen(part, "wbe");
    if (part == NULL || dump.bytes == NULL)
        (void)command_failed(context, "out of memory");
    else if (dump.out == NULL)
        (void)command_failed(context, "cannot write %s: %s", part, strerror(errno));
    else
        good = finish(&dump, file, part, take_all(&dump, sockets));
    if (good && to_file && context->json)
        (void)show_json(json_pack("{s:s, s:I, s:I}", "file", file, "routes",
                                  (json_int_t)dump.routes, "messages", (json_int_t)dump.messages));
    else if (good && to_file)
        show_print(stdout, "%s: %llu routes in %llu messages\n", file,
                   (unsigned long long)dump.routes, (unsigned long long)dump.messages);
    free(dump.bytes);
    free(part);
    return good;
}
