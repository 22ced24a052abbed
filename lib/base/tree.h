/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_TREE_H
#define BASE_TREE_H

/*
 * Remove `name` in the directory `dirfd` with all below it, however deep and
 * whatever the names: no symbolic link is followed, no mount is entered, and
 * the number of open files and the stack do not grow with the depth. Nobody
 * else may be adding to it. Needs the right to write to every directory in
 * it; those of the caller are made writable. 0 also when there is nothing.
 * Returns -1 with the errno of what could not be removed.
 */
int tree_remove(int dirfd, const char *name);

#endif
