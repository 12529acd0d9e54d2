import { render } from 'preact'

render(<main>text2live studio</main>, document.getElementById('app')!)
