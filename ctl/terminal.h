#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

/*
 * A screen of its own on the terminal, redrawn as a whole, keys without Enter. What was on the
 * terminal before is there again after terminal_close(), also when a signal ends the program.
 */
struct terminal {
    struct termios before;
    bool open;
};
bool terminal_is_there(void); /* standard input and output are both one */
bool terminal_open(struct terminal *terminal);
void terminal_close(struct terminal *terminal);
void terminal_size(unsigned int *ret_rows, unsigned int *ret_columns);
/* Shows the text, as many lines and columns of it as fit. */
void terminal_draw(const char *text);
/* Waits; false when q was pressed, or the program was told to end. */
bool terminal_wait(uint64_t ms);

#endif
