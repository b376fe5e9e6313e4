"""The command line: `heliosdb`, also installed as `heliosdb-nano`.

    main       the commands and their options; imports what a command needs when that command runs
    shell      one session with its variables and output settings; runs statements and meta-commands of `repl`, `run`
    scanner    finds where statements and meta-commands end, line by line or in a whole file
    table      result rows as text: boxes, CSV, JSON, Markdown, one column a line
    report     errors and notices as psql words them
    meta_*     the meta-commands, one family a file
    transfer   rows from and to files: \\copy and COPY ... FROM STDIN
    repl       the terminal: prompt, history, completion, colours
    script     `run`: a file from beginning to end
    demo       `demo`: a real data set and questions about it
    moving     `dump`, `restore`, `import`, `export`
    upkeep     `check`, `compact`, `salvage`
    opening    what the two share: options, opening a database, errors

Only these modules know click, rich, prompt_toolkit and pygments.
"""

from __future__ import annotations
