// Preloaded into the CDK CLI, the leader of a process group: ends the group when the sandbox, which
// holds the other end of the standard input, is gone. Else it would go on deploying to the next one.
process.stdin.on("end", () => process.kill(-process.pid, "SIGKILL")).resume().unref();
