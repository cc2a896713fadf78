// The reference of the API, drawn by Swagger UI; the plain list stays for when it cannot.
window.ui = SwaggerUIBundle({
  url: '/openapi.json',
  domNode: document.getElementById('reference'),
  deepLinking: true,
  docExpansion: 'none', // so many operations are drawn when somebody opens their group
  defaultModelsExpandDepth: 0,
  validatorUrl: null, // asks nobody outside
  onComplete: () => { document.getElementById('plain').hidden = true; document.documentElement.dataset.state = 'ready'; },
});
