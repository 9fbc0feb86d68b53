/* Where data sets lie: HEIST_DATA, the folders of packages, the user's data folder. */
#ifndef HEIST_DATA_PLACE_H
#define HEIST_DATA_PLACE_H

#include "data/catalogue.h"

/* The i-th folder where the files of a set may lie, by its stems (catalogue.h), in the order of the search; mem_free frees. NULL: no more.
 * own (may be NULL): 1 where it is the user's own (of HEIST_DATA), which may hold a variant of the set. */
char *place_folder(const struct dataset_info *info, int i, int *own);

/* The folder or archive that holds a set, by its stems (catalogue.h): of the folders of HEIST_DATA and of the user's, the first that
 * has FOLDER/STEM, with files such as `holds` looks for, or FOLDER/STEM with an archive's ending. mem_free frees; NULL: none. */
char *place_stem(const struct dataset_info *info, int (*holds)(const char *folder));

/* Where `heist data` puts things: ${XDG_DATA_HOME:-$HOME/.local/share}/heist/data; mem_free frees.
 * NULL: neither variable is set. */
char *place_home(void);

/* Where what can be made again is kept: ${XDG_CACHE_HOME:-$HOME/.cache}/heist; mem_free frees. NULL: neither variable is set. */
char *place_cache(void);

/* The i-th folder of HEIST_DATA, mem_free frees; NULL: no more. */
char *place_given(int i);

#endif
