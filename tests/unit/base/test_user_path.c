/* test_user_path.c - the user's folders as the XDG base directory specification has them. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/base.h"

Test(user_path, the_specification)
{
    char path[64];

    cr_assert_eq(setenv("XDG_CACHE_HOME", "/c", 1), 0);
    cr_assert_eq(setenv("HOME", "/home/me", 1), 0);
    cr_expect_eq(setun_user_path("XDG_CACHE_HOME", ".cache", "a/b", path, sizeof(path)), 6);
    cr_expect_str_eq(path, "/c/a/b");
    cr_expect_eq(setun_user_path("XDG_CACHE_HOME", ".cache", "a/b", path, 4), 6, "cut off, and its length");
    cr_expect_str_eq(path, "/c/");
    cr_assert_eq(setenv("XDG_CACHE_HOME", "c", 1), 0);
    (void)setun_user_path("XDG_CACHE_HOME", ".cache", "a", path, sizeof(path));
    cr_expect_str_eq(path, "/home/me/.cache/a", "what is not absolute is ignored");
    cr_assert_eq(unsetenv("XDG_CACHE_HOME"), 0);
    (void)setun_user_path("XDG_CACHE_HOME", ".cache", "a", path, sizeof(path));
    cr_expect_str_eq(path, "/home/me/.cache/a");
    cr_assert_eq(setenv("HOME", "me", 1), 0);
    cr_expect_eq(setun_user_path("XDG_CACHE_HOME", ".cache", "a", path, sizeof(path)), 0);
    cr_expect_str_eq(path, "");
    cr_assert_eq(unsetenv("HOME"), 0);
    cr_expect_eq(setun_user_path("XDG_CACHE_HOME", ".cache", "a", path, sizeof(path)), 0);
}
