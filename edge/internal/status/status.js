// Keeps the page up to date: the server sends the sections that have changed.
const stream = document.getElementById('stream');
const live = new EventSource('live');
for (const id of ['alarm', 'lanes', 'link', 'journal', 'clock', 'version']) {
	live.addEventListener(id, (event) => {
		document.getElementById(id).innerHTML = JSON.parse(event.data);
	});
}
live.onopen = () => {
	document.body.classList.remove('lost');
	stream.textContent = 'Live';
};
live.onerror = () => {
	document.body.classList.add('lost');
	stream.textContent = 'The agent does not answer. This is how it was at ' + new Date().toLocaleTimeString() + '.';
};
