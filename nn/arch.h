/* Named networks, each a text that the reader can see whole. One file in nn/arch and one line in nn/arch/list.h.
 *
 *     KIND [NAME] [key=value ...] [< FROM [FROM]]
 *
 * A line is a layer: its kind (heist list layers), the name that prefixes its parameters (PyTorch's state_dict),
 * its options, and the named layers it reads (the line above where none is given; "input" is the image). `out=K` means
 * the number of classes. Pixels are normalised before the first line, and the last line gives the logits.
 *
 *     block NAME                          lines that stand in more than one place. In them a name means the block's own
 *       ... key=$w ... [< in]             layer first, `in` the layer that the block reads, $w what its line says of w
 *     end
 *     NAME layer1.0-2 w=64 [< FROM]       three times, one behind the other: layer1.0, layer1.1, layer1.2 prefix the names */
#ifndef HEIST_NN_ARCH_H
#define HEIST_NN_ARCH_H

struct arch {
    const char *name, *about; /* about: one line, with the source */
    const char *text;
};

int arch_count(void);
const struct arch *arch_at(int i);
/* ERR_OPTION with the nearest name. */
int arch_find(const struct arch **out, const char *name);

#endif
