// Fetches the model named by its argument, as a process of its own, and prints where it is.
import { openModelSource } from '../../dist/models/node/openModelSource.js'

process.stdout.write((await openModelSource(process.argv[2])).location)
