# Not built here: there was no Docker to build with. tests/test_docker.py runs each RUN line in a plain root folder.
#   docker build --tag diziner . && docker run --rm --volume "$PWD:/project" diziner --help
FROM python:3.11-bookworm

# git and make are in this image; the versions and hashes of all packages are in the lock
WORKDIR /opt/diziner
COPY requirements.lock ./
RUN python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement requirements.lock

COPY . ./
RUN python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

# a mounted project is of another user than the image's
RUN git config --system --add safe.directory '*'
RUN mkdir -p /project /cache && chmod 1777 /project /cache

ENV DIZINER_PYTHON=/usr/local/bin/python DIZINER_CACHE=/cache HF_HOME=/cache/huggingface HOME=/cache DVC_NO_ANALYTICS=1
WORKDIR /project
ENTRYPOINT ["diziner"]
CMD ["--help"]
