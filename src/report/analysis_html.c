/* analysis_html.c - an analysis as one HTML page without outside resources: bound and error of Proposition 2
 * over sparsity as a plot in SVG with a logarithmic axis, its factors as a second one, and the tables. */
#include "base/fail.h"
#include "base/file.h"
#include "report/page.h"
#include <lethe/analyze.h>
#include <math.h>

static const char style[] =
    "table.layers td:first-child, table.layers th:first-child { text-align: left; }\n"
    "svg { max-width: 100%; height: auto; } svg text { font-size: 13px; fill: currentColor; }\n"
    ".axis { stroke: currentColor; } .grid { stroke: #8884; }\n"
    ".s0 { stroke: #4a7ab5; fill: #4a7ab5; } .s1 { stroke: #c8553d; fill: #c8553d; }\n"
    ".s2 { stroke: #7a9e3f; fill: #7a9e3f; } polyline { fill: none !important; stroke-width: 2; }\n";

/* --- plots --- */

typedef struct series {
    const char *title;
    double (*value)(const lethe_ga_error *row);
} series;

typedef struct plot {
    FILE *stream;
    const lethe_ga_error *rows;
    size_t n;
    int low, high; /* powers of ten at the ends of the axis */
} plot;

enum { WIDTH = 720, HEIGHT = 360, LEFT = 80, RIGHT = 180, TOP = 20, BOTTOM = 50 };

static double x_of(const plot *p, size_t row) {
    double span = WIDTH - LEFT - RIGHT;
    return p->n > 1 ? LEFT + span * (double)row / (double)(p->n - 1) : LEFT + span / 2;
}

static double y_of(const plot *p, double value) {
    double share = (log10(value) - p->low) / (p->high - p->low);
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
}

/* A logarithm can be drawn of it. */
static bool is_drawn(double value) {
    return isfinite(value) && value > 0;
}

static void choose_axis(plot *p, const series *all, size_t n_series) {
    double least = INFINITY, most = 0;
    for (size_t s = 0; s < n_series; s++) {
        for (size_t i = 0; i < p->n; i++) {
            double value = all[s].value(&p->rows[i]);
            least = is_drawn(value) ? fmin(least, value) : least;
            most = is_drawn(value) ? fmax(most, value) : most;
        }
    }
    p->low = most > 0 ? (int)floor(log10(least)) : 0;
    p->high = most > 0 ? (int)ceil(log10(most)) : 1;
    p->high += p->high == p->low;
}

static void draw_axes(const plot *p) {
    int right = WIDTH - RIGHT, bottom = HEIGHT - BOTTOM;
    for (int power = p->low; power <= p->high; power++) {
        double y = HEIGHT - BOTTOM - (double)(power - p->low) / (p->high - p->low) * (HEIGHT - TOP - BOTTOM);
        fprintf(p->stream,
                "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/><text x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">1e%d</text>\n",
                LEFT, y, right, y, LEFT - 8, y + 4, power);
    }
    for (size_t i = 0; i < p->n; i++)
        fprintf(p->stream, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.4g</text>\n", x_of(p, i),
                bottom + 18, 100 * p->rows[i].sparsity);
    fprintf(p->stream,
            "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">sparsity, %%</text>\n"
            "<polyline class=\"axis\" points=\"%d,%d %d,%d %d,%d\"/>\n",
            (LEFT + right) / 2, bottom + 38, LEFT, TOP, LEFT, bottom, right, bottom);
}

static void draw_series(const plot *p, const series *one, size_t index) {
    fprintf(p->stream, "<polyline class=\"s%zu\" points=\"", index);
    for (size_t i = 0; i < p->n; i++)
        if (is_drawn(one->value(&p->rows[i])))
            fprintf(p->stream, "%.1f,%.1f ", x_of(p, i), y_of(p, one->value(&p->rows[i])));
    fputs("\"/>\n", p->stream);
    for (size_t i = 0; i < p->n; i++)
        if (is_drawn(one->value(&p->rows[i])))
            fprintf(
                p->stream,
                "<circle class=\"s%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>%s %.4g</title></circle>\n",
                index, x_of(p, i), y_of(p, one->value(&p->rows[i])), one->title, one->value(&p->rows[i]));
    int y = TOP + 10 + 22 * (int)index, x = WIDTH - RIGHT + 20;
    fprintf(p->stream,
            "<circle class=\"s%zu\" cx=\"%d\" cy=\"%d\" r=\"4\"/><text x=\"%d\" y=\"%d\">%s</text>\n", index,
            x, y, x + 12, y + 4, one->title);
}

static void draw(FILE *stream, const lethe_analysis *analysis, const series *all, size_t n_series) {
    plot p = {.stream = stream, .rows = analysis->errors, .n = analysis->n_errors};
    choose_axis(&p, all, n_series);
    fprintf(stream, "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n", WIDTH, HEIGHT,
            WIDTH, HEIGHT);
    draw_axes(&p);
    for (size_t s = 0; s < n_series; s++)
        draw_series(&p, &all[s], s);
    fputs("</svg>\n", stream);
}

/* --- tables --- */

static double get_bound(const lethe_ga_error *row) {
    return row->bound;
}

static double get_error(const lethe_ga_error *row) {
    return row->error_mean;
}

static double get_untouched(const lethe_ga_error *row) {
    return row->untouched;
}

static double get_distance(const lethe_ga_error *row) {
    return row->distance;
}

static double get_sigma(const lethe_ga_error *row) {
    return fabs(row->eigenvalue.value);
}

static const series bound_series[] = {
    {"bound", get_bound}, {"error of GA", get_error}, {"error untouched", get_untouched}};
static const series factor_series[] = {{"&sigma;(m)", get_sigma}, {"distance", get_distance}};

static void write_number(FILE *stream, double value) {
    if (isfinite(value))
        fprintf(stream, "<td>%.4g</td>", value);
    else
        fputs("<td>-</td>", stream);
}

static void write_errors(FILE *stream, const lethe_analyze_job *job, const lethe_analysis *analysis) {
    fprintf(
        stream,
        "<h2>Proposition 2</h2>\n<p>Bound &eta;&sup2; t &#8214;m&#8857;(&theta;<sub>t</sub> &minus; "
        "&theta;<sub>0</sub>)&#8214; &sigma;(m), the constant taken as 1, and the measured error: how far "
        "gradient ascent on one image ends from the same training without it, mean of %d images. "
        "%d steps of %zu images, learning rate %g.</p>\n",
        job->error.forgotten, analysis->errors[0].steps, job->error.batch, job->error.lr);
    draw(stream, analysis, bound_series, sizeof bound_series / sizeof *bound_series);
    fputs("<h2>Its factors</h2>\n", stream);
    draw(stream, analysis, factor_series, sizeof factor_series / sizeof *factor_series);
    fputs("<table>\n<tr><th>sparsity %</th><th>parameters kept</th><th>loss</th><th>distance</th>"
          "<th>&sigma;(m)</th><th>bound</th><th>error</th><th>largest</th><th>untouched</th>"
          "<th>error / bound</th></tr>\n",
          stream);
    for (size_t i = 0; i < analysis->n_errors; i++) {
        const lethe_ga_error *row = &analysis->errors[i];
        const double values[] = {
            row->loss_after, row->distance,      get_sigma(row), row->bound,
            row->error_mean, row->error_largest, row->untouched, row->error_mean / row->bound};
        fprintf(stream, "<tr><td>%.2f</td><td>%zu</td>", 100 * row->sparsity, row->kept);
        for (size_t k = 0; k < sizeof values / sizeof *values; k++)
            write_number(stream, values[k]);
        fputs("</tr>\n", stream);
    }
    fputs("</table>\n", stream);
}

static void write_model(FILE *stream, const lethe_analysis *analysis) {
    const lethe_eigenvalue *eigenvalue = &analysis->eigenvalue;
    fprintf(stream, "<h2>The model</h2>\n<p>%s, %zu parameters, %.2f %% of the prunable weights removed.",
            analysis->arch, analysis->parameters, 100 * analysis->sparsity);
    if (isfinite(eigenvalue->value))
        fprintf(stream,
                " Largest Hessian eigenvalue over the unmasked weights %.6g (relative residual %.1e, %d "
                "iterations, %zu samples).",
                eigenvalue->value, eigenvalue->residual, eigenvalue->iterations, eigenvalue->samples);
    if (isfinite(analysis->distance))
        fprintf(stream, " Distance of the unmasked weights to their start %.6g.", analysis->distance);
    fputs("</p>\n<table class=\"layers\">\n<tr><th>parameter</th><th>size</th><th>kept %</th><th>zeros %</th>"
          "</tr>\n",
          stream);
    for (size_t i = 0; i < analysis->n_layers; i++) {
        const lethe_layer *layer = &analysis->layers[i];
        fprintf(stream, "<tr><td>%s</td><td>%zu</td>", layer->name, layer->size);
        if (layer->prunable)
            fprintf(stream, "<td>%.2f</td>", 100 * (double)layer->kept / (double)layer->size);
        else
            fputs("<td>-</td>", stream);
        fprintf(stream, "<td>%.2f</td></tr>\n", 100 * (double)layer->zeros / (double)layer->size);
    }
    fputs("</table>\n", stream);
}

lethe_status lethe_analysis_write_html(const lethe_analyze_job *job, const lethe_analysis *analysis,
                                       const char *path) {
    lethe__writer *writer;
    LETHE_TRY(lethe__writer_open(path, &writer));
    FILE *stream = lethe__writer_stream(writer);
    lethe__page_begin(stream, "Sparsity and the error of unlearning", style);
    if (analysis->n_errors > 0)
        write_errors(stream, job, analysis);
    write_model(stream, analysis);
    lethe__page_end(stream);
    return lethe__writer_commit(&writer);
}
