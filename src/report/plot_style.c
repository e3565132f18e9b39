#include "report/plot.h"

/* Dark colours on light ground and light ones on dark: each has at least 3:1 against it, as
 * WCAG 2.1 (1.4.11) asks of graphics. */
static const char *const light[PLOT_COLOURS] = {"#0b6bb0", "#c4501b", "#00795a", "#a8408a",
                                                "#7a6200", "#5a4fb5", "#4d4d4d", "#ad2a2a"};
static const char *const dark[PLOT_COLOURS] = {"#6cb8f5", "#f59a6a", "#4fd0a5", "#eb92d0",
                                               "#d8bd3f", "#aba2fa", "#bdbdbd", "#f58a8a"};

static void add_colours(const char *const colours[PLOT_COLOURS], const char *rest,
                        struct text *text)
{
  text_add(text, ":root{");
  for (int i = 0; i < PLOT_COLOURS; i++)
    text_add(text, "--plot%d:%s;", i, colours[i]);
  text_add(text, "%s}", rest);
}

void plot_style(struct text *text)
{
  add_colours(light, "--plot-text:#333;--plot-grid:#ddd;--plot-axis:#777;--plot-ground:#fff", text);
  text_add(text, "\n@media screen and (prefers-color-scheme:dark){");
  add_colours(dark, "--plot-text:#ddd;--plot-grid:#383838;--plot-axis:#999;--plot-ground:#161616",
              text);
  text_add(text, "}\n.plot{font:12px/1.2 'DejaVu Sans',Verdana,sans-serif}\n"
                 ".plot text{fill:var(--plot-text)}\n"
                 ".plot .title{font-weight:bold}\n"
                 ".plot .grid{stroke:var(--plot-grid);fill:none}\n"
                 ".plot .axis,.plot .mark,.plot .spread{stroke:var(--plot-axis);fill:none}\n"
                 ".plot .mark{stroke-dasharray:2 3;stroke:var(--plot-text)}\n"
                 ".plot .spread{stroke:var(--plot-text);stroke-width:1.5}\n"
                 ".plot .line{fill:none;stroke-width:1.8;stroke-linejoin:round}\n"
                 ".plot .dash{stroke-dasharray:5 3}\n"
                 ".plot .dots{stroke-dasharray:1.5 2.5}\n"
                 ".plot .heat{fill:var(--plot0)}\n"
                 ".plot .none{fill:none;stroke:var(--plot-grid)}\n"
                 ".plot .gap{fill:var(--plot-grid)}\n");
  for (int i = 0; i < PLOT_COLOURS; i++)
    text_add(text, ".plot .s%d{stroke:var(--plot%d)}.plot .f%d{fill:var(--plot%d)}\n", i, i, i, i);
}

void plot_file(const struct text *plots, double height, struct text *text)
{
  text_add(text,
           "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" "
           "height=\"%.0f\">\n<style>\n",
           PLOT_WIDTH, height, PLOT_WIDTH, height);
  plot_style(text);
  text_add(text,
           "</style>\n<rect width=\"100%%\" height=\"100%%\" fill=\"var(--plot-ground)\"/>\n");
  text_add(text, "%s</svg>\n", plots->data ? plots->data : "");
  text->failed = text->failed || plots->failed;
}
