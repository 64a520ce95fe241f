"""Methods × masks × photos whose truth is known: what `lacuna benchmark` runs."""
