// A process that sends what it is told by its environment, and ends.
process.send(process.env, () => process.disconnect())
