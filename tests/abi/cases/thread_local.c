/* thread_local.c - a thread-local variable. */
int count(void);

int count(void)
{
    static _Thread_local int n;

    return ++n;
}
