#!/usr/bin/env node
import { errorText } from './errorText.js'
import { runCommand } from './runCommand.js'

// A reader that has seen enough, as `| head` has, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

// Node would print what nobody caught as it is, with all that a file may have put into its message.
process.on('uncaughtException', (error) => {
  process.stderr.write(errorText(error, 100, process.env['TEXT2LIVE_DEBUG'] === '1'))
  process.exit(1)
})

process.exitCode = await runCommand(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  width: Math.min((process.stderr.isTTY ? process.stderr.columns : 0) || 100, 110),
  debug: process.env['TEXT2LIVE_DEBUG'] === '1',
})
