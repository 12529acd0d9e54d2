// Run as a process of its own by probeDevice: tries the device named by the first argument and prints the answer as one
// JSON line.
import { devices, probeHere } from './probeDevice.js'

const device = devices.find((name) => name === process.argv[2])
if (device !== undefined) process.stdout.write(`${JSON.stringify(await probeHere(device))}\n`)
