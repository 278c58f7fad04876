// Package transcript runs the shell sessions that a Markdown page shows, and
// compares what they print with what the page says they print.
//
// It is not a shell and no test framework: bash runs the commands, in one
// session, so that variables and folders carry over from one to the next.
//
// Mental model: a fenced block marked "console" is a session. A line that begins
// with "$ " is a command, the lines after it are its output. In expected output
// "…" stands for any text within a line, and a line that is "..." for any number
// of lines. A command that ends in " &" stays in the background until the
// session is closed; its expected output only has to appear, in order, in time.
//
// Concurrency: a Session belongs to one goroutine.
package transcript
