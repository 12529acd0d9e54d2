#!/usr/bin/env node
import { openProcessTerminal } from './processTerminal.js'
import { runCommand } from './runCommand.js'

const terminal = openProcessTerminal()
process.exitCode = await terminal.finish(await runCommand(process.argv.slice(2), terminal))
