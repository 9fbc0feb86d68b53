/* Texts for a shell to read. */
#ifndef HEIST_BASE_SHELL_H
#define HEIST_BASE_SHELL_H

/* A text as one word, whatever is in it: 'it'\''s'. mem_free frees. */
char *shell_word(const char *text);

/* n words one behind the other. mem_free frees. */
char *shell_words(int n, const char *const *word);

#endif
