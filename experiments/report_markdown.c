/* report.md: for each victim what a defense costs, what it buys, and the figures. */
#include "base/mem.h"
#include "experiments/report.h"

static void write_origin(const struct report *r, int victim, FILE *f)
{
    struct provenance *p = provenance_of(r, victim);
    char *line = provenance_line(p), *safe = md_text(line);
    fprintf(f, "<sub>Provenance: %s.</sub>\n\n", safe);
    mem_free(safe);
    mem_free(line);
    provenance_free(p);
}

/* A victim's table under its heading, how to read it, and where it comes from; nothing where it has no rows. */
static void write_table(const struct report *r, int victim, struct grid *g, const char *heading, const char *read, FILE *f)
{
    if (g->rows > 1) {
        fprintf(f, "### %s\n\n", heading);
        grid_markdown(g, f);
        fprintf(f, "%s%s\n\n", *read ? "\nHow to read: " : "", read);
        write_origin(r, victim, f);
    }
    grid_free(g);
}

static void write_costs(const struct report *r, int victim, FILE *f)
{
    write_table(r, victim, report_costs(r, victim), "What a defense costs",
                "*victim* is the network itself on the test set, *defended* the answers that users get; the "
                "difference is what they pay. *mean L1* (0 to 2) and *argmax flips* say how far the answers to the attacks' queries were moved. "
                "Training seconds are 0 where the network came from the cache.",
                f);
}

/* The headline. */
static void write_matrix(const struct report *r, int victim, FILE *f)
{
    struct grid *g = report_matrix(r, victim);
    const int several = g->columns > 3;
    char *read = mem_print(
        "test accuracy of the clone after its last epoch (*last*, the headline). Low is good for the defender; "
        "**bold** is the lowest of an attack's column. Read it beside the defended accuracy: a defense that ruins its own "
        "answers is no defense.%s%s",
        several ? " *Worst case* is the attack that steals most, and the number a defense is judged by; upper bounds are left out." : "",
        r->seeds > 1 ? " ↓ (↑): lower (higher) than the undefended victim's clone under the same attack, ↓ p < 0.05, ↓↓ p < 0.01, ↓↓↓ p < 0.001, by a "
                       "paired t-test over seeds, not corrected for the number of cells."
                     : "");
    write_table(r, victim, g, "Clone accuracy, %", read, f);
    mem_free(read);
}

static void write_above(const struct report *r, int victim, FILE *f)
{
    write_table(r, victim, report_above(r, victim), "More than the undefended victim gives",
                "these clones are better than the undefended victim's. Where intervals overlap, the spread between seeds "
                "explains it. Where they do not, the answers may teach better than clean ones: a smaller confidence acts as smoothed "
                "labels.",
                f);
}

static void write_clones(const struct report *r, int victim, FILE *f)
{
    write_table(r, victim, report_clones(r, victim), "Every clone",
                "*last* is the clone after its last epoch and the headline; *val* is the epoch that the attacker would "
                "choose on held-out answers; *best* is chosen on the test set, an oracle that no attacker has, as papers print it. "
                "*of victim* is last over the victim's accuracy; *fidelity* is how often clone and victim agree.",
                f);
}

static void write_failures(const struct report *r, int victim, FILE *f)
{
    write_table(r, victim, report_failures(r, victim), "Failed", "", f);
}

/* ---- figures and the whole -------------------------------------------------------------- */

static void write_figure(const struct report *r, const char *what, int victim, FILE *f)
{
    if (!plot_has(r, what, victim)) return;
    const char *caption = plot_caption(what);
    char *name = plot_name(r, what, victim);
    if (plot_crowded(r, what, victim)) fprintf(f, "%s Not drawn: too many pairs of defense and attack. Files: [data](plots/%s.csv), [gnuplot](plots/%s.gp).\n\n", caption, name, name);
    else fprintf(f, "![%s](plots/%s.svg)\n\n%s Files: [PDF](plots/%s.pdf), [PNG](plots/%s.png), [data](plots/%s.csv), [gnuplot](plots/%s.gp).\n\n",
            caption, name, caption, name, name, name, name);
    mem_free(name);
}

static void write_victim(const struct report *r, int victim, FILE *f)
{
    int flagged, leaks;
    report_bounds(r, victim, &flagged, &leaks);
    char *name = md_text(r->victim[victim]);
    fprintf(f, "## %s\n\n", name);
    mem_free(name);
    write_figure(r, "clone_accuracy", victim, f);
    write_matrix(r, victim, f);
    write_figure(r, "attack_defense", victim, f);
    write_above(r, victim, f);
    write_costs(r, victim, f);
    write_figure(r, "ood_pool", victim, f);
    write_figure(r, "ood_distance", victim, f);
    write_figure(r, "budget", victim, f);
    write_figure(r, "knob", victim, f);
    write_figure(r, "queries", victim, f);
    write_figure(r, "tradeoff", victim, f);
    write_clones(r, victim, f);
    if (flagged)
        fputs(
            "(\\*) The defender trained on the attacker's own query pool: an upper bound of the defense, which no real defender "
            "reaches.\n\n",
            f);
    if (leaks) fputs("(†) The attacker queries with the victim's own training set, or is told the clean answers or chooses the member of an ensemble that answers: an upper bound of the attack.\n\n", f);
    if (report_doubts(r, victim)) fputs("(§) The data put the number in doubt: see *The data* below.\n\n", f);
    write_failures(r, victim, f);
    write_figure(r, "training_curves", victim, f);
    if (!plot_has(r, "training_curves", victim))
        fputs("No training curves: curve.csv holds no rows for this victim.\n\n", f);
}

static void write_audits(const struct report *r, FILE *f)
{
    struct grid *g = report_audits(r);
    if (!g) return;
    fputs("## The data\n\n", f);
    grid_markdown(g, f);
    fputs(
        "\nHow to read: what `heist audit` found; manifest.json has the sentences, `heist audit --help` and data/audit.h the words. *test~train:N*: N test images have "
        "a twin, the same or nearly, among the training images. *lossy*: the set is a lossy copy, and its numbers are not those of the original. A word with ! marks the "
        "cells with (§).\n\n",
        f);
    grid_free(g);
}

/* Of all rows, and the checksums whole. */
static void write_provenance(const struct report *r, FILE *f)
{
    struct provenance *p = provenance_of(r, -1);
    struct grid *origins = provenance_origins(p), *sets = provenance_sets(p);
    fputs("## Provenance\n\n", f);
    grid_markdown(origins, f);
    fputc('\n', f);
    if (p->sets) grid_markdown(sets, f);
    fprintf(f, "%sOptions %s: a hash of the keys of all rows, each of which is a hash of every option and of the data. "
            "`heist reproduce DIR/results.csv --key KEY` computes a row again and compares every number.\n", p->sets ? "\n" : "", p->options);
    grid_free(origins);
    grid_free(sets);
    provenance_free(p);
}

void report_markdown(const struct report *r, FILE *f)
{
    fprintf(f, "# Model stealing: results\n\n%d rows, %d failed; %d victim%s, %d defense%s, %d attack%s, %d seed%s.%s\n\n",
            r->rows, r->failed, r->victims, r->victims == 1 ? "" : "s", r->defenses, r->defenses == 1 ? "" : "s", r->attacks,
            r->attacks == 1 ? "" : "s", r->seeds, r->seeds == 1 ? "" : "s",
            r->seeds > 1 ? " Numbers are the mean ± the 95 % confidence interval over seeds (Student's t)." : "");
    if (r->repeated)
        fprintf(
            f,
            "%d rows have the victim, defense, attack and seed of another row and differ in what these tables do not show: they "
            "were averaged with it.\n\n",
            r->repeated);
    for (int v = 0; v < r->victims; v++) write_victim(r, v, f);
    write_audits(r, f);
    write_provenance(r, f);
}
