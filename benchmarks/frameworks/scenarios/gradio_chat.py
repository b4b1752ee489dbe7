"""A Gradio app with a chat, served by a thread of the process, and a client of it."""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio
from gradio_client import Client
from team_parts import question, weather_of


def answer(message, history):
    return weather_of(message)


def setup():
    global APP, CLIENT
    APP = gradio.ChatInterface(answer, api_name="chat")
    _, url, _ = APP.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
    CLIENT = Client(url, verbose=False)


def teardown():
    APP.close()


def run():
    CLIENT.predict(question(), api_name="/chat")
