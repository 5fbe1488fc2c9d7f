#include "ctl/terminal.h"

#include "common/base/text.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static volatile sig_atomic_t told_to_end;

static void on_signal(int number)
{
    (void)number;
    told_to_end = 1;
}

bool terminal_is_there(void)
{
    return isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
}

bool terminal_open(struct terminal *terminal)
{
    const struct sigaction action = {.sa_handler = on_signal};
    struct termios keys;
    *terminal = (struct terminal){0};
    if (tcgetattr(STDIN_FILENO, &terminal->before) != 0)
        return false;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    keys = terminal->before;
    keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    terminal->open = tcsetattr(STDIN_FILENO, TCSANOW, &keys) == 0;
    /* The other screen, without a cursor. */
    (void)fputs("\x1b[?1049h\x1b[?25l", stdout);
    return terminal->open;
}

void terminal_close(struct terminal *terminal)
{
    if (!terminal->open)
        return;
    (void)fputs("\x1b[?25h\x1b[?1049l", stdout);
    (void)fflush(stdout);
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &terminal->before);
    terminal->open = false;
}

void terminal_size(unsigned int *ret_rows, unsigned int *ret_columns)
{
    struct winsize size = {0};
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    *ret_rows = known && size.ws_row > 0 ? size.ws_row : 24;
    *ret_columns = known && size.ws_col > 0 ? size.ws_col : 80;
}

/* Octets of a line that fit into that many columns, a character each. */
static size_t fitting(const char *line, size_t len, unsigned int columns)
{
    size_t at = 0;
    for (unsigned int used = 0; at < len && used < columns; used++) {
        uint32_t code_point;
        size_t n = text_utf8_len(line + at, &code_point);
        at += n == 0 ? 1 : n;
    }
    return at < len ? at : len;
}

void terminal_draw(const char *text)
{
    unsigned int rows, columns;
    terminal_size(&rows, &columns);
    (void)fputs("\x1b[H", stdout);
    for (unsigned int row = 0; row < rows && *text != '\0'; row++) {
        size_t len = strcspn(text, "\n");
        (void)fwrite(text, 1, fitting(text, len, columns), stdout);
        /* The rest of the line away, and no line end in the last row, which would scroll. */
        (void)fputs(row + 1 < rows ? "\x1b[K\r\n" : "\x1b[K", stdout);
        text += len + (text[len] == '\n');
    }
    (void)fputs("\x1b[J", stdout);
    (void)fflush(stdout);
}

bool terminal_wait(uint64_t ms)
{
    struct pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN};
    char key = 0;
    if (told_to_end != 0)
        return false;
    if (poll(&keys, 1, (int)ms) <= 0)
        return told_to_end == 0;
    if (read(STDIN_FILENO, &key, 1) <= 0)
        return false; /* the terminal is gone */
    return key != 'q' && key != 'Q';
}
