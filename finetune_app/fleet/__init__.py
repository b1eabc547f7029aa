"""Which training workers there are and what each of them has. Workers tell it; jobs are matched to it."""
