#!/usr/bin/env node
import { errorText } from './errorText.js'
import { openProcessTerminal } from './processTerminal.js'
import { runCommand } from './runCommand.js'

const terminal = openProcessTerminal()

// Node would print what nobody caught as it is, with all that a file may have put into its message.
process.on('uncaughtException', (error) => {
  terminal.stderr.write(errorText(error, terminal.width, terminal.debug))
  process.exit(1)
})

process.exitCode = await terminal.finish(await runCommand(process.argv.slice(2), terminal))
