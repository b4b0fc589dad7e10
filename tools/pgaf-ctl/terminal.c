/* SPDX-License-Identifier: PostgreSQL */
/*
 * The only file that knows ncurses, which compares what is to be shown with
 * what is shown and sends the difference. Signals are read like keys, so that
 * none is missed between two waits.
 */

#include "pgaf-ctl/terminal.h"

#include <curses.h>
#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "pgaf-ctl/ctl.h"

/* Needed in signal handlers, so they are no locals. */
static struct termios found;
static char leave_bytes[256];
static volatile sig_atomic_t is_open;

static SCREEN *curses;
static struct screen shown;
static int signals = -1;
static chtype looks[STYLE_COUNT];

/* ---- giving it back --------------------------------------------------------------- */

void
terminal_restore_now(void)
{
	if (!is_open)
		return;
	is_open = 0;
	if (write(STDOUT_FILENO, leave_bytes, strlen(leave_bytes)) < 0)
		is_open = 0; /* nothing is left to be done about it */
	tcsetattr(STDOUT_FILENO, TCSANOW, &found);
}

static void
program_failed(int number)
{
	terminal_restore_now();
	signal(number, SIG_DFL);
	raise(number);
}

void
terminal_close(void)
{
	if (!is_open)
		return;
	endwin();
	delscreen(curses);
	is_open = 0;
	free(shown.cells);
	shown = (struct screen){0};
}

/* What ends full-screen mode here. Old terminals that need pauses in it are left to endwin(). */
static void
leave_bytes_learn(void)
{
	static const char *const names[] = {"sgr0", "cnorm", "rmkx", "rmcup"};

	leave_bytes[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *bytes = tigetstr(names[i]);
		if (!bytes || bytes == (const char *)-1 || strstr(bytes, "$<") ||
		    strlen(leave_bytes) + strlen(bytes) >= sizeof(leave_bytes))
			continue;
		memcpy(leave_bytes + strlen(leave_bytes), bytes, strlen(bytes) + 1);
	}
}

/* ---- opening ------------------------------------------------------------------------ */

static void
colours_prepare(void)
{
	static const short pairs[STYLE_COUNT] = {
		[STYLE_GOOD] = COLOR_GREEN,
		[STYLE_CHANGING] = COLOR_YELLOW,
		[STYLE_BAD] = COLOR_RED,
	};
	const char *no_color = getenv("NO_COLOR");

	looks[STYLE_TITLE] = A_REVERSE;
	looks[STYLE_HEAD] = A_BOLD;
	looks[STYLE_BAD] = A_BOLD;
	if ((no_color && no_color[0] != '\0') || !has_colors())
		return;
	start_color();
	use_default_colors();
	for (short i = 1; i < STYLE_COUNT; i++) {
		if (pairs[i] == 0)
			continue;
		init_pair(i, pairs[i], -1);
		looks[i] |= (chtype)COLOR_PAIR(i);
	}
	looks[STYLE_FAINT] = A_DIM;
}

static void
signals_take_over(void)
{
	static const int failures[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signals < 0)
		err(EXIT_FAILED, "signalfd");
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
		signal(failures[i], program_failed);
}

int
terminal_open(void)
{
	const char *term = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDOUT_FILENO, &found) < 0)
		return say_error(EXIT_USAGE, "watch needs a terminal");
	signals_take_over();
	curses = newterm(NULL, stdout, stdin);
	if (!curses)
		return say_error(EXIT_USAGE, "the terminal \"%s\" (TERM) is unknown",
		                 term ? term : "");
	leave_bytes_learn();
	is_open = 1;
	atexit(terminal_close);
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	colours_prepare();
	return EXIT_DONE;
}

/* ---- drawing -------------------------------------------------------------------------- */

struct screen *
terminal_screen(void)
{
	unsigned rows = (unsigned)getmaxy(stdscr);
	unsigned columns = (unsigned)getmaxx(stdscr);

	rows = rows < SCREEN_ROWS_MAX ? rows : SCREEN_ROWS_MAX;
	columns = columns < SCREEN_COLUMNS_MAX ? columns : SCREEN_COLUMNS_MAX;
	if (rows != shown.rows || columns != shown.columns) {
		free(shown.cells);
		shown = (struct screen){.rows = rows, .columns = columns};
		shown.cells = calloc((size_t)rows * columns + 1, sizeof(*shown.cells));
		if (!shown.cells)
			err(EXIT_FAILED, "screen");
	}
	return &shown;
}

void
terminal_show(const struct screen *screen)
{
	for (unsigned row = 0; row < screen->rows; row++) {
		const struct cell_at *cells = &screen->cells[(size_t)row * screen->columns];
		if (wmove(stdscr, (int)row, 0) == ERR)
			continue;
		/* The cell at the lower right is written too; only the cursor cannot move on. */
		for (unsigned column = 0; column < screen->columns; column++)
			waddch(stdscr, (chtype)cells[column].at | looks[cells[column].style]);
	}
	wrefresh(stdscr);
}

void
terminal_show_anew(void)
{
	clearok(stdscr, TRUE);
}

/* ---- keys and signals -------------------------------------------------------------------- */

int
terminal_key(void)
{
	int key = wgetch(stdscr);

	switch (key) {
	case ERR:
		return KEY_NONE_LEFT;
	case KEY_UP:
		return KEY_IS_UP;
	case KEY_DOWN:
		return KEY_IS_DOWN;
	case KEY_PPAGE:
		return KEY_IS_PAGE_UP;
	case KEY_NPAGE:
		return KEY_IS_PAGE_DOWN;
	default:
		return key > 0 && key < 256 ? key : ' ';
	}
}

int
terminal_signals(void)
{
	return signals;
}

int
terminal_signal_take(void)
{
	struct signalfd_siginfo info;
	struct winsize size;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (info.ssi_signo == SIGWINCH && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
	    size.ws_row > 0 && size.ws_col > 0)
		resizeterm(size.ws_row, size.ws_col);
	return (int)info.ssi_signo;
}
