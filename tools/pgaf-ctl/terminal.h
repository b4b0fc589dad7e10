/* SPDX-License-Identifier: PostgreSQL */
#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

/*
 * The terminal that pgaf-ctl watch draws on. It is given back as it was found:
 * on return, on an exit from anywhere, on signals, and when the program fails.
 */

#include "common/screen.h"

/* Keys beside printable ones. */
enum key { KEY_NONE_LEFT = 0, KEY_IS_UP = 256, KEY_IS_DOWN, KEY_IS_PAGE_UP, KEY_IS_PAGE_DOWN };
#define KEY_TAB '\t'
#define KEY_ESCAPE 27
#define KEY_REDRAW 12 /* ^L */

/* EXIT_DONE, or what to exit with after printing why. */
int terminal_open(void);
void terminal_close(void);
/* Without terminal_close: only what a signal handler may do. */
void terminal_restore_now(void);

/* Cells for the whole terminal, valid until the next call. */
struct screen *terminal_screen(void);
/* Sends what differs from what is shown. */
void terminal_show(const struct screen *screen);
void terminal_show_anew(void); /* the next time, everything */

/* The next key that was pressed; KEY_NONE_LEFT when there is none. */
int terminal_key(void);

/* A descriptor that is readable when one of these came: SIGWINCH, SIGINT, SIGTERM, SIGHUP,
 * SIGQUIT. Takes one; 0 when there is none. A change of size is taken over. */
int terminal_signals(void);
int terminal_signal_take(void);

#endif
