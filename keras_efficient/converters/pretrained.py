def load_pretrained(model, model_name, weights):
    pass
