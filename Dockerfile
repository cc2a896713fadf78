# mobigo in a container: the wheel, its locked packages, kernels compiled. The database is another container.
FROM node:22-slim AS browser
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev

FROM python:3.13-slim AS wheel
WORKDIR /src
COPY . .
COPY --from=browser /src/node_modules node_modules
RUN python tools/vendor && pip wheel --no-deps --wheel-dir /dist .

FROM python:3.13-slim
RUN useradd --create-home --home-dir /var/lib/mobigo mobigo
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --require-hashes -r /tmp/requirements.lock
COPY --from=wheel /dist/*.whl /tmp/
RUN pip install --no-cache-dir --no-deps /tmp/*.whl && rm /tmp/*.whl
ENV MOBIGO_HOME=/var/lib/mobigo NUMBA_CACHE_DIR=/var/lib/mobigo/kernels PYTHONUNBUFFERED=1
USER mobigo
RUN python -m mobigo.cli.warm
VOLUME /var/lib/mobigo
EXPOSE 8000
ENTRYPOINT ["mobigo"]
CMD ["serve", "--host", "0.0.0.0"]
