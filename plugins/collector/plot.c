/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <math.h>
#include <string.h>

#include "collector/plot.h"
#include "collector/text.h"

enum {
	LEFT = 60,
	TOP = 14,
	BOTTOM = 46,
	RIGHT = 14,
	TALL = 260,   /* of columns, with the axis */
	LABELS = 170, /* of rows, left of them */
	AMOUNTS = 70, /* right of them */
	ROW = 26,
	TICKS = 5
};

void plot_text(FILE *out, const char *s)
{
	static const char *const escapes[] = {
		['&'] = "&amp;",  ['<'] = "&lt;",   ['>'] = "&gt;",
		['"'] = "&quot;", ['\''] = "&#39;",
	};
	struct pool pool = { 0 };

	for (s = text_escape(&pool, s); *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < sizeof(escapes) / sizeof(escapes[0]) && escapes[c])
			fputs(escapes[c], out);
		else
			putc(c, out);
	}
	pool_free(&pool);
}

const char *plot_number(struct pool *pool, double v)
{
	char digits[32], text[48];
	size_t n = 0;
	int len;

	if (v < 99.95)
		return pool_printf(pool,
				   v == floor(v) ? "%.0f"
				   : v < 0.095   ? "%.2f"
						 : "%.1f",
				   v);
	len = snprintf(digits, sizeof(digits), "%.0f", fmin(v, 1e15));
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			text[n++] = ',';
		text[n++] = digits[i];
	}
	return pool_strndup(pool, text, n);
}

/* 1, 2 or 5 times a power of ten, at most TICKS of which make up `max`. */
static double tick_step(double max)
{
	double power = pow(10, floor(log10(max / TICKS)));
	double n = max / TICKS / power;

	return power * (n <= 1 ? 1 : n <= 2 ? 2 : n <= 5 ? 5 : 10);
}

static double highest(const struct plot_bar *bars, size_t n)
{
	double max = 0;

	for (size_t i = 0; i < n; i++)
		max = fmax(max, bars[i].part[0] + bars[i].part[1]);
	return max;
}

static void begin(FILE *out, const struct plot *plot, int height)
{
	fputs("<figure>\n<figcaption>", out);
	plot_text(out, plot->title);
	fputs("</figcaption>\n", out);
	if (plot->parts[1]) {
		fputs("<p class=\"legend\">", out);
		for (int i = 0; i < 2; i++) {
			fprintf(out, "<span class=\"key p%d\"></span>", i);
			plot_text(out, plot->parts[i]);
		}
		fputs("</p>\n", out);
	}
	fprintf(out,
		"<svg class=\"plot\" role=\"img\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n<title>",
		plot->width, height, plot->width, height);
	plot_text(out, plot->title);
	fputs("</title>\n", out);
}

static void end(FILE *out)
{
	fputs("</svg>\n</figure>\n", out);
}

static void label(FILE *out, const char *class, double x, double y,
		  const char *s)
{
	fprintf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, x, y);
	plot_text(out, s);
	fputs("</text>\n", out);
}

static void line(FILE *out, const char *class, double x1, double y1, double x2,
		 double y2)
{
	fprintf(out,
		"<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
		class, x1, y1, x2, y2);
}

static void rect(FILE *out, int part, double x, double y, double w, double h)
{
	if (w > 0 && h > 0)
		fprintf(out,
			"<rect class=\"p%d\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n",
			part, x, y, w, h);
}

/* What a pointer that rests on the bar is told. */
static void hint(FILE *out, const struct plot *plot, const struct plot_bar *bar)
{
	struct pool pool = { 0 };

	fputs("<g><title>", out);
	plot_text(out, bar->label);
	for (int i = 0; i < 2 && plot->parts[i]; i++) {
		fputs(i ? ", " : ": ", out);
		plot_text(out, plot->parts[i]);
		fprintf(out, " %s", plot_number(&pool, bar->part[i]));
	}
	fputs("</title>\n", out);
	pool_free(&pool);
}

static void empty(FILE *out, const struct plot *plot, int height)
{
	label(out, "mid", plot->width / 2.0, height / 2.0,
	      "nothing was measured");
	end(out);
}

/* Lines across, with their numbers; returns the scale, in pixels a unit. */
static double up_axis(FILE *out, const struct plot *plot, double max)
{
	double step = tick_step(max), top = ceil(max / step) * step;
	double scale = (TALL - TOP - BOTTOM) / top;
	struct pool pool = { 0 };

	for (int i = 0; i * step <= top * 1.001; i++) {
		double y = TALL - BOTTOM - i * step * scale;

		line(out, i ? "grid" : "axis", LEFT, y, plot->width - RIGHT, y);
		label(out, "end", LEFT - 6, y + 4,
		      plot_number(&pool, i * step));
	}
	pool_free(&pool);
	fprintf(out,
		"<text class=\"mid name\" transform=\"translate(14 %d) rotate(-90)\">",
		(TALL - BOTTOM + TOP) / 2);
	plot_text(out, plot->up);
	fputs("</text>\n", out);
	label(out, "mid name", (LEFT + plot->width - RIGHT) / 2.0, TALL - 6,
	      plot->across);
	return scale;
}

void plot_columns(FILE *out, const struct plot *plot,
		  const struct plot_bar *bars, size_t n)
{
	double max = highest(bars, n), scale, pitch, gap;
	size_t each = 1;

	begin(out, plot, TALL);
	if (max <= 0) {
		empty(out, plot, TALL);
		return;
	}
	scale = up_axis(out, plot, max);
	pitch = (double)(plot->width - LEFT - RIGHT) / (double)n;
	gap = pitch > 8 ? pitch * 0.15 : pitch * 0.05;
	while (pitch * (double)each < (double)text_width(bars[0].label) * 6 + 4)
		each++;
	for (size_t i = 0; i < n; i++) {
		double x = LEFT + pitch * (double)i, y = TALL - BOTTOM;

		hint(out, plot, &bars[i]);
		for (int part = 0; part < 2; part++) {
			double h = bars[i].part[part] * scale;

			rect(out, part, x + gap, y -= h, pitch - 2 * gap, h);
		}
		fputs("</g>\n", out);
		if (i % each == 0)
			label(out, "mid small", x + pitch / 2,
			      TALL - BOTTOM + 16, bars[i].label);
	}
	end(out);
}

void plot_rows(FILE *out, const struct plot *plot, const struct plot_bar *bars,
	       size_t n)
{
	double max = highest(bars, n);
	int height = ROW * (n ? (int)n : 2) + 24;
	double room = plot->width - LABELS - AMOUNTS;
	struct pool pool = { 0 };

	begin(out, plot, height);
	if (max <= 0) {
		empty(out, plot, height);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		double x = LABELS, y = ROW * (double)i;
		double amount =
			bars[i].part[1] + (plot->rest ? 0 : bars[i].part[0]);

		hint(out, plot, &bars[i]);
		for (int part = 0; part < 2; part++) {
			double w = bars[i].part[part] / max * room;

			rect(out, part, x, y + 4, w, ROW - 8);
			x += w;
		}
		fputs("</g>\n", out);
		label(out, "end", LABELS - 8, y + ROW / 2.0 + 4,
		      text_shorten(&pool, text_escape(&pool, bars[i].label),
				   24));
		label(out, "start", x + 6, y + ROW / 2.0 + 4,
		      plot_number(&pool, amount));
	}
	line(out, "axis", LABELS, 0, LABELS, ROW * (double)n);
	label(out, "mid name", LABELS + room / 2, height - 6, plot->across);
	pool_free(&pool);
	end(out);
}
